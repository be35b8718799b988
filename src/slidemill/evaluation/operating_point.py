"""From which score a slide is called positive for a class: chosen on validation slides, applied to test slides.

Source: Youden 1950, Cancer 3:32: the threshold with the greatest sum of sensitivity and specificity; of several, the
highest. It lies half-way between the lowest score that it calls positive and the next lower one.
"""

from typing import Any

import numpy as np

from slidemill.evaluation.calibration import mean_draws
from slidemill.evaluation.metrics import Estimate, estimate
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples


def operating_points(validation: Samples, test: Samples, draws: np.ndarray) -> dict[str, Any]:
    """For each class its threshold and what it gives; None where the validation slides cannot give one.

    Args:
        validation: the slides on which thresholds are chosen.
        test: the slides to which they are applied.
        draws: (draws, patients) of the test slides.
    """
    return {name: _operating_point(validation, test, place, draws) for place, name in enumerate(test.classes)}


def youden_threshold(is_positive: np.ndarray, scores: np.ndarray) -> float | None:
    """The threshold, at or above which a score is positive; None without positives or without negatives."""
    if is_positive.all() or not is_positive.any():
        return None
    false, true = (rates[0] for rates in Ranking.of(is_positive, scores).rates())
    descending = np.unique(scores)[::-1]
    best = int(np.argmax((true - false)[1:]))
    lowest_called = float(descending[best])
    return lowest_called if best + 1 == len(descending) else (lowest_called + float(descending[best + 1])) / 2


def _operating_point(validation: Samples, test: Samples, place: int, draws: np.ndarray) -> dict[str, Any] | None:
    threshold = youden_threshold(validation.is_true(place), validation.scores[:, place])
    if threshold is None:
        return None
    everyone = np.ones((1, 1 + validation.patient.max(initial=0)))
    return {
        "threshold": threshold,
        "validation": _rates(validation, place, threshold, everyone),
        "test": _rates(test, place, threshold, draws),
    }


def _rates(samples: Samples, place: int, threshold: float, draws: np.ndarray) -> dict[str, Any]:
    is_positive, is_called = samples.is_true(place), samples.scores[:, place] >= threshold
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
