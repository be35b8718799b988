"""The folds of a cross-validation one by one, and how much they differ.

The intervals of a fold's metrics are of its own patients, and of the one model that was tested on them. Mean and
standard deviation over the folds tell how much the result depends on which patients a model was trained on and tested
on; the folds share most of their training slides, so no interval follows from them: the variance of a cross-validation
has no unbiased estimate (Bengio and Grandvalet 2004, J Mach Learn Res 5:1089). docs/outputs.md says what pooled
intervals mean.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slidemill.evaluation.aggregate import Method
from slidemill.evaluation.metrics import main_metrics
from slidemill.evaluation.scored_split import ScoredSplit

LEVELS = ("tile", "slide", "patient")


def cross_validation(folds: Sequence[ScoredSplit], method: Method) -> dict[str, Any] | None:
    """Main metrics of each fold's test slides, and their mean and standard deviation; None without cross-validation.

    Args:
        folds: the test splits.
        method: from tile scores to slide scores.
    """
    if len(folds) == 1:
        return None
    found = [_fold(number, fold, method) for number, fold in enumerate(folds)]
    return {"folds": found, "mean": _over(found, _mean), "sd": _over(found, _standard_deviation)}


def _fold(number: int, fold: ScoredSplit, method: Method) -> dict[str, Any]:
    cohort = fold.cohort
    return {
        "fold": number,
        "model_sha256": fold.model,
        "slides": len(fold.rows),
        "slides_scored": len(cohort.slides),
        "patients_scored": len(cohort.patients),
        "tile": main_metrics(cohort.tiles()),
        "slide": main_metrics(cohort.slides_by(method)),
        "patient": main_metrics(cohort.patients_by(method)),
    }


def _over(folds: Sequence[dict[str, Any]], statistic: Callable[[np.ndarray], float]) -> dict[str, Any]:
    """A statistic of each metric over the folds; None where a fold lacks the metric."""
    return {
        level: {name: _of_values([fold[level][name]["value"] for fold in folds], statistic) for name in folds[0][level]}
        for level in LEVELS
    }


def _of_values(values: Sequence[float | None], statistic: Callable[[np.ndarray], float]) -> float | None:
    return None if None in values else statistic(np.array(values, dtype=np.float64))


def _mean(values: np.ndarray) -> float:
    return float(values.mean())


def _standard_deviation(values: np.ndarray) -> float:
    return float(values.std(ddof=1))
