"""Evaluate a model on the test slides: metrics.json and slides.tsv.

metrics.json, format "slidemill metrics 1" (null: not computable):

    format, split ("test"), seed, classes (in order), model_sha256 (null where no slide was scored)
    counts: slides, slides_scored, slides_set_aside, patients, patients_scored, tiles,
            slides_per_class {class: scored slides of that true class}
    bootstrap: unit ("patient"), method ("percentile"), draws, confidence
    slide: metrics of the scored slides
        accuracy, accuracy_majority_vote, balanced_accuracy, auc.macro, auc.per_class.{class}: each an object of
            value, interval_95 ([lower, upper], null where all draws agree), draws (in which it was computable)
        roc.{class}: false_positive_rate, true_positive_rate: the corners of the curve of this class against the rest
        confusion: rows are true classes, columns predicted classes, both in the order of `classes`
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text
from slidemill.evaluation.aggregate import PredictionsError, SlideScore
from slidemill.evaluation.bootstrap import CONFIDENCE, DRAWS
from slidemill.evaluation.metrics import ScoredSlides, slide_metrics
from slidemill.evaluation.slides_table import SlideRow, write_slides
from slidemill.evaluation.sources import load_score, single_model
from slidemill.splits.table import SplitRow, read_splits

FORMAT = "slidemill metrics 1"


def evaluate(
    *,
    splits: Path,
    predictions_folder: Path,
    classes: Sequence[str],
    seed: int,
    metrics_json: Path,
    slides_tsv: Path,
) -> None:
    """Compare the predictions of the test slides with their labels.

    Args:
        splits: splits.tsv; its rows of split "test" are evaluated.
        predictions_folder: holds {slide_id}.zarr.zip for each of them.
        classes: the config's classes, in order.
        seed: the config's seed, for the bootstrap.
        metrics_json, slides_tsv: where to write; see above and `slidemill.evaluation.slides_table`.
    Raises:
        ZarrZipError: predictions are missing or damaged.
        PredictionsError: they belong to another slide, other classes, or to several models; or a label is no class.
    """
    test_slides = [row for row in read_splits(splits) if row.split == "test"]
    scores = [load_score(predictions_folder, row.slide_id, classes) for row in test_slides]
    rows = [_row(slide, score) for slide, score in zip(test_slides, scores, strict=True)]
    document = _document(rows, single_model(scores), classes, seed)
    write_slides(slides_tsv, rows, classes)
    write_text(metrics_json, json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _row(slide: SplitRow, score: SlideScore) -> SlideRow:
    if slide.label not in score.classes:
        names = ", ".join(score.classes)
        raise PredictionsError(slide.slide_id, f"the slide's label {slide.label!r} is none of {names}")
    return SlideRow.of(score, site=slide.site, label=slide.label)


def _document(rows: Sequence[SlideRow], model: str | None, classes: Sequence[str], seed: int) -> dict[str, Any]:
    return {
        "format": FORMAT,
        "split": "test",
        "seed": seed,
        "classes": list(classes),
        "model_sha256": model,
        "counts": _counts(rows, classes),
        "bootstrap": {"unit": "patient", "method": "percentile", "draws": DRAWS, "confidence": CONFIDENCE},
        "slide": slide_metrics(ScoredSlides.of(rows, classes, seed)),
    }


def _counts(rows: Sequence[SlideRow], classes: Sequence[str]) -> dict[str, Any]:
    scored = [row for row in rows if row.is_scored]
    return {
        "slides": len(rows),
        "slides_scored": len(scored),
        "slides_set_aside": len(rows) - len(scored),
        "patients": len({row.patient_id for row in rows}),
        "patients_scored": len({row.patient_id for row in scored}),
        "tiles": sum(row.tile_count for row in scored),
        "slides_per_class": {name: sum(row.label == name for row in scored) for name in classes},
    }
