"""Evaluate a model on the test slides: metrics.json, slides.tsv and top_tiles.tsv.

The format of metrics.json, "slidemill metrics 3", is described in docs/outputs.md.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text
from slidemill.evaluation.aggregate import METHODS, Aggregation, PredictionsError
from slidemill.evaluation.bootstrap import CONFIDENCE, DRAWS, patient_draws
from slidemill.evaluation.cross_validation import cross_validation
from slidemill.evaluation.curves import precision_recall_curves, roc_curves
from slidemill.evaluation.metrics import all_metrics, main_metrics
from slidemill.evaluation.operating_point import operating_points
from slidemill.evaluation.scored_split import ScoredSplit, load_split, pooled
from slidemill.evaluation.slides_table import write_slides
from slidemill.evaluation.subgroups import subgroups
from slidemill.evaluation.top_tiles import select, write_top_tiles
from slidemill.splits.table import read_splits
from slidemill.tiling.store import SlideFacts, read_summary, store_paths

FORMAT = "slidemill metrics 3"


@dataclass(frozen=True, slots=True)
class FoldFiles:
    """What a model was trained for and what it predicted.

    Attributes:
        splits: splits.tsv; its rows of split "test" are evaluated, thresholds are chosen on "validation".
        predictions: folder that holds {slide_id}.zarr.zip for each of them.
    """

    splits: Path
    predictions: Path


@dataclass(frozen=True, slots=True)
class EvaluationFiles:
    """What `evaluate` reads and writes.

    Attributes:
        folds: of a cross-validation, in order; else one.
        tiles: folder of the tile stores of the test slides.
        metrics, slides, top_tiles: metrics.json, slides.tsv and top_tiles.tsv to write.
    """

    folds: Sequence[FoldFiles]
    tiles: Path
    metrics: Path
    slides: Path
    top_tiles: Path


@dataclass(frozen=True, slots=True)
class _Fold:
    validation: ScoredSplit
    test: ScoredSplit


def evaluate(files: EvaluationFiles, *, classes: Sequence[str], seed: int, aggregation: Aggregation) -> None:
    """Compare the predictions of the test slides with their labels.

    In a cross-validation the test slides of all folds are evaluated together, each with the scores of its fold's model,
    and each fold alone besides.

    Args:
        files: read and written.
        classes: the config's classes, in order.
        seed: the config's seed, for the bootstrap.
        aggregation: how tile scores become slide scores.
    Raises:
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, other classes, or to several models; or a label is no class.
        FoldsError: a slide is tested in two folds.
    """
    is_one = len(files.folds) == 1
    folds = [
        _load(fold, classes, aggregation, number=None if is_one else number) for number, fold in enumerate(files.folds)
    ]
    test = pooled([fold.test for fold in folds])
    facts = {row.slide_id: read_summary(store_paths(files.tiles, row.slide_id)[1]).slide for row in test.scored}
    document = _header(test, classes, seed, aggregation) | _metrics(folds, test, facts, seed, aggregation)
    write_slides(files.slides, test.rows, classes)
    write_top_tiles(files.top_tiles, select(test.top_tiles))
    write_text(files.metrics, json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _load(files: FoldFiles, classes: Sequence[str], aggregation: Aggregation, number: int | None) -> _Fold:
    rows = read_splits(files.splits)
    validation, test = (
        load_split((row for row in rows if row.split == split), files.predictions, classes, aggregation, number)
        for split in ("validation", "test")
    )
    if validation.model and test.model and validation.model != test.model:
        raise PredictionsError(test.scored[0].slide_id, "another model gave them than those of the validation slides")
    return _Fold(validation, test)


def _header(test: ScoredSplit, classes: Sequence[str], seed: int, aggregation: Aggregation) -> dict[str, Any]:
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
    folds: Sequence[_Fold],
    test: ScoredSplit,
    facts: dict[str, SlideFacts | None],
    seed: int,
    aggregation: Aggregation,
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
        "operating_points": operating_points(
            [fold.validation.cohort.slides_by(method) for fold in folds],
            [slides.take(test.fold == number) for number in range(len(folds))],
            draws,
        ),
        "subgroups": subgroups(test.scored, slides, facts, draws),
        "cross_validation": cross_validation([fold.test for fold in folds], method, seed),
    }


def _counts(test: ScoredSplit, classes: Sequence[str]) -> dict[str, Any]:
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
