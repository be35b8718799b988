"""Evaluate a model on the test slides: metrics.json, slides.tsv and top_tiles.tsv.

The format of metrics.json, "slidemill metrics 2", is described in docs/outputs.md.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text
from slidemill.evaluation.aggregate import METHODS, Aggregation, PredictionsError, score_slide
from slidemill.evaluation.bootstrap import CONFIDENCE, DRAWS, patient_draws
from slidemill.evaluation.curves import precision_recall_curves, roc_curves
from slidemill.evaluation.levels import Cohort, ScoredSlide
from slidemill.evaluation.metrics import all_metrics, main_metrics
from slidemill.evaluation.operating_point import operating_points
from slidemill.evaluation.slides_table import SlideRow, write_slides
from slidemill.evaluation.sources import load_predictions, single_model
from slidemill.evaluation.subgroups import subgroups
from slidemill.evaluation.top_tiles import TopTile, candidates, select, write_top_tiles
from slidemill.splits.table import SplitRow, read_splits
from slidemill.tiling.store import SlideFacts, read_summary, store_paths

FORMAT = "slidemill metrics 2"


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """What `evaluate` reads and writes.

    Attributes:
        splits: splits.tsv; its rows of split "test" are evaluated, thresholds are chosen on "validation".
        predictions: folder that holds {slide_id}.zarr.zip for each of them.
        tiles: folder of the tile stores of the test slides.
        metrics, slides, top_tiles: metrics.json, slides.tsv and top_tiles.tsv to write.
    """

    splits: Path
    predictions: Path
    tiles: Path
    metrics: Path
    slides: Path
    top_tiles: Path


@dataclass(frozen=True, slots=True)
class _Split:
    """The slides of a split: all rows, the scored ones as a cohort, and tiles for the galleries."""

    rows: list[SlideRow]
    cohort: Cohort
    top_tiles: list[TopTile]
    model: str | None

    @property
    def scored(self) -> list[SlideRow]:
        return [row for row in self.rows if row.is_scored]


def evaluate(files: EvaluationFiles, *, classes: Sequence[str], seed: int, aggregation: Aggregation) -> None:
    """Compare the predictions of the test slides with their labels.

    Args:
        files: read and written.
        classes: the config's classes, in order.
        seed: the config's seed, for the bootstrap.
        aggregation: how tile scores become slide scores.
    Raises:
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, other classes, or to several models; or a label is no class.
    """
    splits = read_splits(files.splits)
    test, validation = (
        _load([row for row in splits if row.split == split], files.predictions, classes, aggregation)
        for split in ("test", "validation")
    )
    facts = {row.slide_id: read_summary(store_paths(files.tiles, row.slide_id)[1]).slide for row in test.scored}
    document = _header(test, classes, seed, aggregation) | _metrics(test, validation, facts, seed, aggregation)
    write_slides(files.slides, test.rows, classes)
    write_top_tiles(files.top_tiles, select(test.top_tiles))
    write_text(files.metrics, json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _load(slides: Sequence[SplitRow], folder: Path, classes: Sequence[str], aggregation: Aggregation) -> _Split:
    rows, scored, scores = [], [], []
    top_tiles: list[TopTile] = []
    for slide in slides:
        predictions = load_predictions(folder, slide.slide_id, classes)
        score = score_slide(predictions, aggregation.top_k)
        if slide.label not in score.classes:
            names = ", ".join(score.classes)
            raise PredictionsError(slide.slide_id, f"the slide's label {slide.label!r} is none of {names}")
        row = SlideRow.of(score, aggregation.method, site=slide.site, label=slide.label)
        rows.append(row)
        scores.append(score)
        if row.is_scored:
            scored.append(ScoredSlide(score, slide.label, predictions.scores))
            top_tiles += candidates(predictions, label=slide.label, predicted=row.predicted)
    return _Split(rows, Cohort(scored, classes), top_tiles, single_model(scores))


def _header(test: _Split, classes: Sequence[str], seed: int, aggregation: Aggregation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "split": "test",
        "seed": seed,
        "classes": list(classes),
        "model_sha256": test.model,
        "aggregation": asdict(aggregation),
        "counts": _counts(test, classes),
        "bootstrap": {
            "unit": "patient",
            "strata": "class",
            "method": "percentile",
            "draws": DRAWS,
            "confidence": CONFIDENCE,
        },
    }


def _metrics(
    test: _Split, validation: _Split, facts: dict[str, SlideFacts | None], seed: int, aggregation: Aggregation
) -> dict[str, Any]:
    cohort, method = test.cohort, aggregation.method
    draws = patient_draws(cohort.strata(), seed)
    slides = cohort.slides_by(method)
    curves = {"roc": roc_curves(slides, draws), "precision_recall": precision_recall_curves(slides, draws)}
    return {
        "tile": all_metrics(cohort.tiles(), draws),
        "slide": all_metrics(slides, draws) | curves,
        "patient": all_metrics(cohort.patients_by(method), draws),
        "aggregations": {
            name: {
                "slide": main_metrics(cohort.slides_by(name), draws),
                "patient": main_metrics(cohort.patients_by(name), draws),
            }
            for name in METHODS
        },
        "operating_points": operating_points(validation.cohort.slides_by(method), slides, draws),
        "subgroups": subgroups(test.scored, slides, facts, draws),
    }


def _counts(test: _Split, classes: Sequence[str]) -> dict[str, Any]:
    scored = test.scored
    return {
        "slides": len(test.rows),
        "slides_scored": len(scored),
        "slides_set_aside": len(test.rows) - len(scored),
        "patients": len({row.patient_id for row in test.rows}),
        "patients_scored": len({row.patient_id for row in scored}),
        "tiles": sum(row.tile_count for row in scored),
        "slides_per_class": {name: sum(row.label == name for row in scored) for name in classes},
    }
