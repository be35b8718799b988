"""Evaluate a model on the test slides: metrics.json, slides.tsv and top_tiles.tsv.

The format of metrics.json, "slidemill metrics 5", is described in docs/outputs.md.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text
from slidemill.evaluation.against_annotations import JudgedTiles, auc_against_annotations
from slidemill.evaluation.aggregate import Aggregation, PredictionsError
from slidemill.evaluation.bootstrap import DRAWS, unit_weights
from slidemill.evaluation.cross_validation import cross_validation
from slidemill.evaluation.curves import precision_recall_curves, roc_curves
from slidemill.evaluation.intervals import CONFIDENCE
from slidemill.evaluation.levels import Cohort
from slidemill.evaluation.metrics import all_metrics, main_metrics
from slidemill.evaluation.operating_point import operating_points
from slidemill.evaluation.scored_split import OF_SLIDES, ScoredSplit, SplitScores, TileTruth, load_split, pooled
from slidemill.evaluation.slides_table import write_slides
from slidemill.evaluation.sources import load_classifier
from slidemill.evaluation.subgroups import subgroups
from slidemill.evaluation.top_tiles import select, write_top_tiles
from slidemill.splits.design import GroupBy
from slidemill.splits.table import Split, read_splits
from slidemill.tiling.store import SlideFacts, read_summary, store_paths

ENOUGH_SITES = 10
FORMAT = "slidemill metrics 5"


@dataclass(frozen=True, slots=True)
class FoldFiles:
    """What a model was trained for and what it predicted.

    Attributes:
        splits: splits.tsv; its rows of split "test" are evaluated, thresholds are chosen on "validation".
        predictions: folder that holds {slide_id}.zarr.zip for each of them.
        slide_classifier: slide_classifier.json; None without one.
    """

    splits: Path
    predictions: Path
    slide_classifier: Path | None = None


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


def evaluate(
    files: EvaluationFiles,
    *,
    classes: Sequence[str],
    seed: int,
    aggregation: Aggregation,
    unit: GroupBy = "patient",
    truth: TileTruth = OF_SLIDES,
    is_ordered: bool = False,
) -> None:
    """Compare the predictions of the test slides with their labels.

    In a cross-validation the test slides of all folds are evaluated together, each with the scores of its fold's model,
    and each fold alone besides.

    Args:
        files: read and written.
        classes: the config's classes, in order.
        seed: the config's seed, for the bands of curves.
        aggregation: how tile scores become slide scores.
        unit: what was never divided between splits, and is the unit of intervals.
        truth: what is known of tiles.
        is_ordered: whether classes are grades, from the lowest to the highest.
    Raises:
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, other classes, or to several models; or a label is no class.
        StaleLabelsError: labels from annotations are those of other tiles.
        SlideClassifierError: a slide classifier is missing or damaged.
        FoldsError: a slide is tested in two folds.
    """
    is_one = len(files.folds) == 1
    folds = [
        _load(fold, classes, aggregation, None if is_one else number, unit, truth, is_ordered=is_ordered)
        for number, fold in enumerate(files.folds)
    ]
    test = pooled([fold.test for fold in folds])
    if "model" in test.cohort.methods:
        aggregation = replace(aggregation, method="model")
    facts = {row.slide_id: read_summary(store_paths(files.tiles, row.slide_id)[1]).slide for row in test.scored}
    document = _header(test, classes, seed, aggregation) | _metrics(folds, test, facts, seed, aggregation)
    document |= {"tiles_as": truth.tiles_as, "annotations": _of_annotations(test.cohort, truth)}
    write_slides(files.slides, test.rows, classes)
    write_top_tiles(files.top_tiles, select(test.top_tiles))
    write_text(files.metrics, json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _load(
    files: FoldFiles,
    classes: Sequence[str],
    aggregation: Aggregation,
    number: int | None,
    unit: GroupBy,
    truth: TileTruth,
    *,
    is_ordered: bool,
) -> _Fold:
    rows = read_splits(files.splits)
    source = SplitScores(files.predictions, load_classifier(files.slide_classifier, aggregation))

    def of(split: Split, truth: TileTruth) -> ScoredSplit:
        slides = (row for row in rows if row.split == split)
        return load_split(slides, source, classes, aggregation, number, unit, truth, is_ordered=is_ordered)

    validation, test = of("validation", OF_SLIDES), of("test", truth)
    if validation.model and test.model and validation.model != test.model:
        raise PredictionsError(test.scored[0].slide_id, "another model gave them than those of the validation slides")
    return _Fold(validation, test)


def _header(test: ScoredSplit, classes: Sequence[str], seed: int, aggregation: Aggregation) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "split": "test",
        "seed": seed,
        "classes": list(classes),
        "ordered_classes": test.cohort.is_ordered,
        "model_sha256": test.model,
        "aggregation": asdict(aggregation),
        "counts": _counts(test, classes),
        "intervals": {
            "confidence": CONFIDENCE,
            "unit": test.cohort.unit_name,
            "units": len(test.cohort.units),
            "warning": few_units(test.cohort),
            "band_draws": DRAWS,
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
    draws = unit_weights(len(cohort.units), seed)
    slides = cohort.slides_by(method)
    curves = {"roc": roc_curves(slides, draws), "precision_recall": precision_recall_curves(slides, draws)}
    return {
        "tile": all_metrics(cohort.tiles()),
        "slide": all_metrics(slides) | curves,
        "patient": all_metrics(cohort.patients_by(method)),
        "aggregations": {
            name: {
                "slide": main_metrics(cohort.slides_by(name)),
                "patient": main_metrics(cohort.patients_by(name)),
            }
            for name in cohort.methods
        },
        "operating_points": operating_points(
            [fold.validation.cohort.slides_by(method) for fold in folds],
            [slides.take(test.fold == number) for number in range(len(folds))],
        ),
        "subgroups": subgroups(test.scored, slides, facts),
        "cross_validation": cross_validation([fold.test for fold in folds], method),
    }


def _of_annotations(cohort: Cohort, truth: TileTruth) -> dict[str, Any] | None:
    """How well scores, or attention, rank the tiles of each class, but the rest; None where labels are not asked."""
    if truth.labels is None:
        return None
    units = cohort.unit_names()
    return {
        name: auc_against_annotations(
            [
                JudgedTiles(unit, slide.relevance[:, place], slide.tile_labels)
                for unit, slide in zip(units, cohort.slides, strict=True)
                if slide.tile_labels is not None and slide.relevance is not None
            ],
            place,
            name,
            cohort.unit_name,
        )
        for place, name in enumerate(cohort.classes)
        if name != truth.labels.rule.rest
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


def few_units(cohort: Cohort) -> str | None:
    """A warning where there are too few sites for intervals that can be trusted."""
    sites = len(cohort.units)
    if cohort.unit_name != "site" or sites >= ENOUGH_SITES:
        return None
    return f"{sites} sites only: what other sites would give is hardly known, and intervals are no more than a hint"
