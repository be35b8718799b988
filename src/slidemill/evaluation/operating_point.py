"""From which score a slide is called positive for a class: chosen on validation slides, applied to test slides.

Source: Youden 1950, Cancer 3:32: the threshold with the greatest sum of sensitivity and specificity; of several, the
highest. It lies half-way between the lowest score that it calls positive and the next lower one.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from slidemill.evaluation.metrics import Estimate, proportion
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

_CHOSEN_HERE = "the threshold was chosen on these slides"


def operating_points(validation: Sequence[Samples], test: Sequence[Samples]) -> dict[str, Any]:
    """For each class its thresholds and what they give; None where the validation slides cannot give one.

    Args:
        validation: the slides on which thresholds are chosen, of each fold (one without cross-validation).
        test: the slides to which they are applied, of each fold; units are numbered over all folds.
    """
    return {name: _operating_point(validation, test, place) for place, name in enumerate(test[0].classes)}


def youden_threshold(is_positive: np.ndarray, scores: np.ndarray) -> float | None:
    """The threshold, at or above which a score is positive; None without positives or without negatives."""
    if is_positive.all() or not is_positive.any():
        return None
    false, true = (rates[0] for rates in Ranking.of(is_positive, scores).rates())
    descending = np.unique(scores)[::-1]
    best = int(np.argmax((true - false)[1:]))
    lowest_called = float(descending[best])
    return lowest_called if best + 1 == len(descending) else (lowest_called + float(descending[best + 1])) / 2


def _operating_point(validation: Sequence[Samples], test: Sequence[Samples], place: int) -> dict[str, Any] | None:
    chosen = [youden_threshold(fold.is_true(place), fold.scores[:, place]) for fold in validation]
    thresholds = [threshold for threshold in chosen if threshold is not None]
    if len(thresholds) < len(validation):
        return None
    found = {"validation": _rates(validation, place, thresholds), "test": _rates(test, place, thresholds)}
    for rate in filter(lambda part: isinstance(part, dict), found["validation"].values()):
        rate.update(interval_95=None, reason=_CHOSEN_HERE)
    return {"thresholds": thresholds, **found}


def _rates(folds: Sequence[Samples], place: int, thresholds: Sequence[float]) -> dict[str, Any]:
    """Each fold's slides are called by its own threshold, and counted together."""
    samples = Samples.joined(folds)
    is_positive, name = samples.is_true(place), samples.classes[place]
    called = [fold.scores[:, place] >= threshold for fold, threshold in zip(folds, thresholds, strict=True)]
    is_called = np.concatenate(called)

    def share(is_counted: np.ndarray, among: np.ndarray, what: str) -> Estimate:
        return proportion(is_counted, samples, among, f"no slide {what}")

    return {
        "true_positives": int((is_positive & is_called).sum()),
        "false_positives": int((~is_positive & is_called).sum()),
        "true_negatives": int((~is_positive & ~is_called).sum()),
        "false_negatives": int((is_positive & ~is_called).sum()),
        "sensitivity": share(is_called, is_positive, f"of class {name}"),
        "specificity": share(~is_called, ~is_positive, f"of a class other than {name}"),
        "precision": share(is_positive, is_called, f"is called {name}"),
        "negative_predictive_value": share(~is_positive, ~is_called, f"is called other than {name}"),
    }
