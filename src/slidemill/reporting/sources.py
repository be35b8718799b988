"""The files of a run that the report tells of."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from slidemill.evaluation.slides_table import SlideRow, read_slides
from slidemill.splits.table import SplitRow, read_splits
from slidemill.tiling.store import StoreSummary, read_summary, store_paths


@dataclass(frozen=True, slots=True)
class RunFiles:
    """Where the results of a run lie.

    Attributes:
        splits: splits.tsv.
        tiles: folder of the tile stores of all its slides.
        plan: shards/plan.json, None when nothing was trained.
        history: model/history.tsv, None when nothing was trained.
        metrics: evaluation/metrics.json.
        slides: evaluation/slides.tsv.
        top_tiles: evaluation/top_tiles.tsv.
        previews: folder of {slide_id}.jpg, the small heatmaps of the test slides.
        typical_tiles: folder of {slide_id}.jpg, the tile sheets of the test slides.
        benchmarks: folder of Snakemake's benchmark files; it may be missing.
        config: the run's config as JSON.
    """

    splits: Path
    tiles: Path
    plan: Path | None
    history: Path | None
    metrics: Path
    slides: Path
    top_tiles: Path
    previews: Path
    typical_tiles: Path
    benchmarks: Path
    config: Path

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
class Run:
    """What the files hold.

    Attributes:
        cohort: every slide, with its split.
        summaries: of every slide's tile store, by slide_id.
        metrics: as `slidemill.evaluation.evaluate` documents it.
        slides: the test slides.
        history: a row for each epoch, by column; empty when nothing was trained.
        plan: which shards were made; None when nothing was trained.
        config: the run's config.
    """

    cohort: list[SplitRow]
    summaries: dict[str, StoreSummary]
    metrics: dict[str, Any]
    slides: list[SlideRow]
    history: list[dict[str, str]]
    plan: dict[str, Any] | None
    config: dict[str, Any]

    @property
    def classes(self) -> list[str]:
        """Class names, in the order of the model's outputs."""
        return list(self.metrics["classes"])


def read_run(files: RunFiles) -> Run:
    """Read everything but pictures.

    Raises:
        ZarrZipError: a tile store is missing or damaged.
    """
    cohort = read_splits(files.splits)
    return Run(
        cohort=cohort,
        summaries={row.slide_id: read_summary(files.store(row.slide_id)) for row in cohort},
        metrics=_read_json(files.metrics),
        slides=read_slides(files.slides),
        history=_read_table(files.history) if files.history else [],
        plan=_read_json(files.plan) if files.plan else None,
        config=_read_json(files.config),
    )


def _read_json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text(encoding="utf-8")))


def _read_table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t"))
