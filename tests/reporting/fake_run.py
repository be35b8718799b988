"""A small finished run, written with the project's own functions."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import numpy as np

from slidemill.evaluation.aggregate import Aggregation
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.inference.store import Predictions, predictions_path, write_predictions
from slidemill.reporting.heatmap import slide_panels
from slidemill.reporting.preview import write_preview
from slidemill.reporting.sources import FoldFiles as TrainedFold
from slidemill.reporting.sources import RunFiles
from slidemill.reporting.tile_sheet import write_tile_sheet
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

CLASSES = ("LUAD", "LUSC", "Normal")
EXTENT = SlidePixels(512)
FACTS = SlideFacts("generic", SlidePixels(1536), SlidePixels(1024), 0.5, "properties", 20.0)
COORDINATES = np.array([(0, 0), (512, 0), (1024, 512)], np.int64)
OVERVIEW = np.full((64, 96, 3), 200, np.uint8)


@dataclass(frozen=True)
class FakeSlide:
    """A slide of the cohort; `scores` are those of each of its tiles, or of the slide where tiles get attention."""

    slide_id: str
    label: str
    split: str
    scores: tuple[float, ...] = (0.5, 0.25, 0.25)
    reason: str = ""
    flags: tuple[str, ...] = ()
    patient_id: str = field(default="")
    site: str = ""
    attention: tuple[float, ...] | None = None
    scores_tiles: bool = True

    @property
    def patient(self) -> str:
        return self.patient_id or f"patient of {self.slide_id}"


class FakeReader:
    """A slide whose tiles are grey, the lighter the farther to the right."""

    def map_tiles(self, finish, corners, *, extent: int, size: int, threads: int = 1, damaged=None):
        for number, (x, y) in enumerate(corners.tolist()):
            yield finish(number, np.full((size, size, 3), 60 + x // 16 + y // 64, np.uint8))


def predictions_of(slide: FakeSlide, classes: tuple[str, ...] = CLASSES) -> Predictions:
    tiles = 0 if slide.reason else len(COORDINATES)
    own = np.float32(slide.scores[: len(classes)])
    has_attention = slide.attention is not None and not slide.reason
    return Predictions(
        slide_id=slide.slide_id,
        patient_id=slide.patient,
        classes=classes,
        coordinates=COORDINATES[:tiles],
        scores=np.tile(own, (tiles if slide.scores_tiles else 0, 1)),
        tile_extent=EXTENT if tiles else SlidePixels(0),
        reason=slide.reason,
        model_sha256="cafe",
        slide_scores=own if has_attention else None,
        attention=np.float32(slide.attention) if has_attention else None,
    )


def write_run(
    folder: Path,
    slides: list[FakeSlide],
    *,
    trained: bool = True,
    config: dict | None = None,
    classes: tuple[str, ...] = CLASSES,
    unit: Literal["patient", "site"] = "patient",
) -> RunFiles:
    """Write the results of a run over these slides and return where they lie; of two classes, each has two scores."""
    files = _files(folder, trained)
    write_splits(files.folds[0].splits, [_split_row(slide) for slide in slides])
    for slide in slides:
        _write_slide(files, folder / "predictions", slide, classes)
    evaluate(
        EvaluationFiles(
            folds=[FoldFiles(files.folds[0].splits, folder / "predictions")],
            tiles=files.tiles,
            metrics=files.metrics,
            slides=files.slides,
            top_tiles=files.top_tiles,
        ),
        classes=classes,
        seed=1,
        aggregation=Aggregation(),
        unit=unit,
    )
    _write_benchmarks(folder / "benchmarks")
    files.config.write_text(json.dumps(config or {"classes": classes, "seed": 1}))
    for fold in files.folds:
        if fold.history and fold.plan:
            _write_training(fold.history, fold.plan)
    return files


def _files(folder: Path, trained: bool) -> RunFiles:
    fold = TrainedFold(
        splits=folder / "splits.tsv",
        plan=folder / "plan.json" if trained else None,
        history=folder / "history.tsv" if trained else None,
    )
    return RunFiles(
        folds=[fold],
        tiles=folder / "tiles",
        metrics=folder / "metrics.json",
        slides=folder / "slides.tsv",
        top_tiles=folder / "top_tiles.tsv",
        previews=folder / "previews",
        typical_tiles=folder / "typical_tiles",
        benchmarks=[folder / "benchmarks" / place for place in ("tile_slide", "train.tsv", "absent", "none.tsv")],
        config=folder / "config.json",
    )


def _split_row(slide: FakeSlide) -> SplitRow:
    tiles, status = (0, "set_aside") if slide.reason else (len(COORDINATES), "usable")
    return SplitRow(slide.slide_id, slide.patient, slide.label, slide.site, slide.split, tiles, status, slide.reason)


def _write_slide(files: RunFiles, predictions_folder: Path, slide: FakeSlide, classes: tuple[str, ...]) -> None:
    write_store(store_paths(files.tiles, slide.slide_id)[1], store_of(slide))
    if slide.split == "train":
        return
    predictions = predictions_of(slide, classes)
    write_predictions(predictions_path(predictions_folder, slide.slide_id), predictions)
    if slide.split == "test":
        reader = None if slide.reason else FakeReader()
        panels = [] if slide.reason else slide_panels(OVERVIEW, FACTS, predictions)
        write_preview(files.preview(slide.slide_id), [panel.picture for panel in panels])
        write_tile_sheet(files.tile_sheet(slide.slide_id), reader, predictions)


def store_of(slide: FakeSlide) -> TileStore:
    tiles = 0 if slide.reason else len(COORDINATES)
    summary = StoreSummary(
        slide_id=slide.slide_id,
        patient_id=slide.patient,
        status="set_aside" if slide.reason else "usable",
        reason=slide.reason,
        flags=slide.flags,
        tile_count=tiles,
        grid_count=6,
        tile_extent=EXTENT if tiles else SlidePixels(0),
        parameters={"mpp": 0.5},
        slide=None if slide.reason else FACTS,
        versions={"openslide": "4.0.0"},
    )
    zeros = np.zeros(tiles, np.int64)
    return TileStore(
        summary,
        coordinates=COORDINATES[:tiles],
        tissue_fraction=zeros.astype(np.float32),
        offset=zeros,
        length=zeros,
        thumbnail=OVERVIEW[:0] if slide.reason else OVERVIEW,
    )


def _write_benchmarks(folder: Path) -> None:
    header = "s\th:m:s\tmax_rss\tmax_vms\tmax_uss\tmax_pss\tio_in\tio_out\tmean_load\tcpu_time\n"
    for name, seconds, memory in (
        ("train", "12.5", "800.0"),
        ("tile_slide/a", "2.0", "100"),
        ("tile_slide/b", "4", "-"),
    ):
        path = folder / f"{name}.tsv"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"{header}{seconds}\t0:00:02\t{memory}\t1\t1\t1\t0\t0\t90\t2\n")


def _write_training(history: Path, plan: Path) -> None:
    history.write_text(
        "epoch\tlearning_rate\ttrain_loss\ttrain_accuracy\tvalidation_loss\tvalidation_accuracy\n"
        "1\t0.001\t1.25\t0.5\t1.0\t0.625\n"
        "2\t0.001\t0.75\t0.75\tnan\t0.6875\n"
    )
    part = {"tiles_per_shard": 3, "shards": [{"file": "f", "sha256": "0", "tiles": 3}]}
    plan.write_text(json.dumps({"tile_size": 512, "tile_mpp": 0.5, "train": part, "validation": part}))
