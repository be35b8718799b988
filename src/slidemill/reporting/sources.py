"""The files of a run that the report tells of."""

import csv
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slidemill.annotations.counts import LabelCounts, read_counts
from slidemill.evaluation.slides_table import SlideRow, read_slides
from slidemill.splits.table import SPLITS, SplitRow, read_splits
from slidemill.tiling.store import StoreSummary, read_summary, store_paths


@dataclass(frozen=True, slots=True)
class FoldFiles:
    """Of one fold of a cross-validation; a run without cross-validation has one.

    Attributes:
        splits: splits.tsv.
        plan: what the model learned from: shards/plan.json, or model/probe.json; None when nothing was trained.
        history: model/history.tsv, None when nothing was trained.
    """

    splits: Path
    plan: Path | None
    history: Path | None


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the results of a run lie.

    Attributes:
        folds: in order.
        tiles: folder of the tile stores of all its slides.
        metrics: evaluation/metrics.json.
        slides: evaluation/slides.tsv.
        top_tiles: evaluation/top_tiles.tsv.
        previews: folder of {slide_id}.jpg, the small heatmaps of the test slides.
        typical_tiles: folder of {slide_id}.jpg, the tile sheets of the test slides.
        benchmarks: Snakemake's benchmark file of each rule, or the folder of those of its jobs; they may be missing.
        config: the run's config as JSON.
        froc: evaluation/froc.json, None where no lesions were looked for.
        tile_labels: tile_labels.tsv, None where tiles have the class of their slide.
    """

    folds: Sequence[FoldFiles]
    tiles: Path
    metrics: Path
    slides: Path
    top_tiles: Path
    previews: Path
    typical_tiles: Path
    benchmarks: Sequence[Path]
    config: Path
    froc: Path | None = None
    tile_labels: Path | None = None

    def store(self, slide_id: str) -> Path:
        """The tile store of a slide."""
        return store_paths(self.tiles, slide_id)[1]

    def preview(self, slide_id: str) -> Path:
        """The small heatmap of a test slide."""
        return self.previews / f"{slide_id}.jpg"

    def tile_sheet(self, slide_id: str) -> Path:
        """The typical tiles of a test slide."""
        return self.typical_tiles / f"{slide_id}.jpg"


@dataclass(frozen=True, slots=True)
class FoldTraining:
    """How the model of a fold was trained.

    Attributes:
        plan: which shards were made, or what a probe was fitted on; None when nothing was trained.
        history: a row for each epoch, or for each strength of a penalty, by column; empty when nothing was trained.
    """

    plan: dict[str, Any] | None
    history: list[dict[str, str]]


@dataclass(frozen=True, slots=True)
class Run:
    """What the files hold.

    Attributes:
        parts: every slide once: by split, or in a cross-validation by the fold in which it is a test slide.
        trainings: of each fold, in order.
        summaries: of every slide's tile store, by slide_id.
        metrics: as `slidemill.evaluation.evaluate` documents it.
        slides: the test slides.
        config: the run's config.
        froc: how lesions were found; None where they were not looked for.
        tile_labels: of every slide, by slide_id; None where tiles have the class of their slide.
    """

    parts: dict[str, list[SplitRow]]
    trainings: list[FoldTraining]
    summaries: dict[str, StoreSummary]
    metrics: dict[str, Any]
    slides: list[SlideRow]
    config: dict[str, Any]
    froc: dict[str, Any] | None
    tile_labels: dict[str, LabelCounts] | None

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the model's outputs."""
        return list(self.metrics["classes"])


def read_run(files: RunFiles) -> Run:
    """Read everything but pictures.

    Raises:
        ZarrZipError: a tile store is missing or damaged.
    """
    parts = _parts([read_splits(fold.splits) for fold in files.folds])
    slide_ids = sorted(row.slide_id for rows in parts.values() for row in rows)
    return Run(
        parts=parts,
        trainings=[_training(fold) for fold in files.folds],
        summaries={slide_id: read_summary(files.store(slide_id)) for slide_id in slide_ids},
        metrics=_read_json(files.metrics),
        slides=read_slides(files.slides),
        config=_read_json(files.config),
        froc=_read_json(files.froc) if files.froc else None,
        tile_labels=read_counts(files.tile_labels) if files.tile_labels else None,
    )


def _parts(folds: Sequence[Sequence[SplitRow]]) -> dict[str, list[SplitRow]]:
    if len(folds) == 1:
        return {split: [row for row in folds[0] if row.split == split] for split in SPLITS}
    parts = {f"fold {number}": [row for row in fold if row.split == "test"] for number, fold in enumerate(folds)}
    tested = {row.slide_id for rows in parts.values() for row in rows}
    never_tested = [row for row in folds[0] if row.slide_id not in tested]  # the sheet states their split
    return parts | ({"never tested": never_tested} if never_tested else {})


def _training(fold: FoldFiles) -> FoldTraining:
    return FoldTraining(
        plan=_read_json(fold.plan) if fold.plan else None,
        history=_read_table(fold.history) if fold.history else [],
    )


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))
