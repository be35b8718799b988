"""From which score a slide is called positive for a class: chosen on validation slides, applied to test slides.

Source: Youden 1950, Cancer 3:32: the threshold with the greatest sum of sensitivity and specificity; of several, the
highest. It lies half-way between the lowest score that it calls positive and the next lower one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slidemill.evaluation.calibration import mean_draws
from slidemill.evaluation.metrics import Estimate, estimate
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples


def operating_points(validation: Sequence[Samples], test: Sequence[Samples], draws: np.ndarray) -> dict[str, Any]:
    """For each class its thresholds and what they give; None where the validation slides cannot give one.

    Args:
        validation: the slides on which thresholds are chosen, of each fold (one without cross-validation).
        test: the slides to which they are applied, of each fold.
        draws: (draws, patients) of all test slides.
    """
    return {name: _operating_point(validation, test, place, draws) for place, name in enumerate(test[0].classes)}


def youden_threshold(is_positive: np.ndarray, scores: np.ndarray) -> float | None:
    """The threshold, at or above which a score is positive; None without positives or without negatives."""
    if is_positive.all() or not is_positive.any():
        return None
    false, true = (rates[0] for rates in Ranking.of(is_positive, scores).rates())
    descending = np.unique(scores)[::-1]
    best = int(np.argmax((true - false)[1:]))
    lowest_called = float(descending[best])
    return lowest_called if best + 1 == len(descending) else (lowest_called + float(descending[best + 1])) / 2


def _operating_point(
    validation: Sequence[Samples], test: Sequence[Samples], place: int, draws: np.ndarray
) -> dict[str, Any] | None:
    chosen = [youden_threshold(fold.is_true(place), fold.scores[:, place]) for fold in validation]
    thresholds = [threshold for threshold in chosen if threshold is not None]
    if len(thresholds) < len(validation):
        return None
    patients = 1 + max(int(fold.patient.max(initial=0)) for fold in validation)
    return {
        "thresholds": thresholds,
        "validation": _rates(validation, place, thresholds, np.ones((1, patients))),
        "test": _rates(test, place, thresholds, draws),
    }


def _rates(folds: Sequence[Samples], place: int, thresholds: Sequence[float], draws: np.ndarray) -> dict[str, Any]:
    """Each fold's slides are called by its own threshold, and counted together."""
    samples = Samples.joined(folds)
    is_positive = samples.is_true(place)
    called = [fold.scores[:, place] >= threshold for fold, threshold in zip(folds, thresholds, strict=True)]
    is_called = np.concatenate(called)
    return {
        "true_positives": int((is_positive & is_called).sum()),
        "false_positives": int((~is_positive & is_called).sum()),
        "true_negatives": int((~is_positive & ~is_called).sum()),
        "false_negatives": int((is_positive & ~is_called).sum()),
        "sensitivity": _share(is_called, samples, is_positive, draws),
        "specificity": _share(~is_called, samples, ~is_positive, draws),
        "precision": _share(is_positive, samples, is_called, draws),
        "negative_predictive_value": _share(~is_positive, samples, ~is_called, draws),
    }


def _share(is_counted: np.ndarray, samples: Samples, among: np.ndarray, draws: np.ndarray) -> Estimate:
    values = is_counted[among].astype(np.float64)
    return estimate(values.mean() if len(values) else np.nan, mean_draws(values, samples.take(among), draws))
