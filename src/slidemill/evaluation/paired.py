"""How two models differ on the same slides: each number of one less that of the other, with interval and p-value.

Both are tested on the same patients, so that most of what chance does to one it does to the other. What is left out
by the jackknife is a unit (patient, or site) with its slides by both models; the variance of the difference is then
that of pairs: for the AUC, Obuchowski 1997, Biometrics 53:567, which without clusters is the test of DeLong et al.
1988. Interval and p-value are of one statistic, Student's t, so that p is below 0.05 just where the interval does not
hold 0. Degrees of freedom are Satterthwaite's; where answers are right or wrong, units - 1, and half a unit more that
differs in each way, which keeps the interval from closing where few differ (as Bonett and Price 2012, J Educ Behav Stat
37:479, who add whole ones to independent pairs).
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import special

from slidemill.evaluation import calibration, confusion
from slidemill.evaluation.intervals import effective_units, student
from slidemill.evaluation.jackknife import (
    Jackknife,
    jackknife_auc,
    jackknife_average_precision,
    jackknife_matrix,
    jackknife_mean,
)
from slidemill.evaluation.samples import Samples


@dataclass(frozen=True, slots=True)
class Number:
    """A number of one model.

    Attributes:
        found: the number without each unit.
        answers: units by which right and wrong answers are counted; None where scores themselves count.
        most: by which two such numbers can differ.
    """

    found: Jackknife
    answers: float | None = None
    most: float = 1.0


def numbers(samples: Samples, thresholds: dict[str, np.ndarray]) -> dict[str, Number]:
    """What is compared, by name.

    Args:
        samples: slides or patients by one model.
        thresholds: for each class the threshold of each sample, (samples,), at or above which it is called.
    """
    every = effective_units(samples.unit)
    right = (samples.predicted == samples.true).astype(np.float64)
    found = {"accuracy": Number(jackknife_mean(right, samples.unit, samples.units), every)}
    found |= _of_matrix(samples)
    found |= _of_ranking(samples)
    for name, values, most in (
        ("log_loss", calibration.log_losses(samples), np.inf),
        ("brier", calibration.brier_scores(samples), 2.0),
    ):
        found[name] = Number(jackknife_mean(values, samples.unit, samples.units), most=most)
    for place, name in enumerate(samples.classes):
        if name in thresholds:
            found |= _at_threshold(samples, place, thresholds[name])
    return found


def difference(one: Number, other: Number, *, is_same: bool = False) -> dict[str, Any]:
    """The other number less the one, with interval and p-value.

    Args:
        one, other: of models a and b, of the same units.
        is_same: whether both models gave the same scores, so that the difference is 0 for certain.
    Returns:
        `a`, `b`, `difference`, `interval_95`, `p_value`: None where not computable, and then `reason`.
    """
    found = other.found.minus(one.found)
    result: dict[str, Any] = {"a": _known(one.found.value), "b": _known(other.found.value)}
    if not np.isfinite(found.value):
        return result | _nothing(None, "not computable for both")
    if is_same:
        return result | {"difference": 0.0, "interval_95": [0.0, 0.0], "p_value": 1.0, "reason": None}
    if not (found.units > 1 and np.isfinite(found.without).all()):
        return result | _nothing(found.value, "one unit only, or one without which it is not computable")
    variance = found.variance + (1 / (one.answers + 2) ** 2 if one.answers else 0.0)
    if not variance:
        return result | _nothing(found.value, "no unit makes a difference")
    spread, freedom = variance**0.5, found.units - 1 if one.answers else found.freedom()
    reach = student(freedom) * spread
    return result | {
        "difference": found.value,
        "interval_95": [max(found.value - reach, -one.most), min(found.value + reach, one.most)],
        "p_value": float(2 * special.stdtr(freedom, -abs(found.value) / spread)),
        "reason": None,
    }


def _nothing(value: float | None, reason: str) -> dict[str, Any]:
    return {"difference": value, "interval_95": None, "p_value": None, "reason": reason}


def _known(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _of_matrix(samples: Samples) -> dict[str, Number]:
    matrices = confusion.confusion_of_units(samples)
    own = [effective_units(samples.unit[samples.is_true(place)]) for place in range(len(samples.classes))]
    over_classes = len(own) ** 2 / sum(1 / units for units in own) if all(own) else 0.0
    every = effective_units(samples.unit)
    graded = {"quadratic_kappa": confusion.quadratic_kappa} if samples.is_ordered else {}
    return {
        "balanced_accuracy": Number(jackknife_matrix(matrices, confusion.balanced_accuracy), over_classes),
        "cohen_kappa": Number(jackknife_matrix(matrices, confusion.cohen_kappa), every, most=2.0),
        **{name: Number(jackknife_matrix(matrices, metric), every, most=2.0) for name, metric in graded.items()},
        "f1_macro": Number(jackknife_matrix(matrices, confusion.f1_macro), over_classes),
    }


def _of_ranking(samples: Samples) -> dict[str, Number]:
    found = {}
    areas: tuple[tuple[str, Callable[..., Jackknife]], ...] = (
        ("auc", jackknife_auc),
        ("average_precision", jackknife_average_precision),
    )
    for name, area in areas:
        parts = [_area(area, samples, place) for place in range(len(samples.classes))]
        found[f"{name}_macro"] = Number(Jackknife.mean(parts))
        found |= {f"{name}_of_{own}": Number(part) for own, part in zip(samples.classes, parts, strict=True)}
    return found


def _area(area: Callable[..., Jackknife], samples: Samples, place: int) -> Jackknife:
    is_positive = samples.is_true(place)
    if is_positive.all() or not is_positive.any():
        return Jackknife(np.nan, np.full(samples.units, np.nan))
    return area(is_positive, samples.scores[:, place], samples.unit, samples.units)


def _at_threshold(samples: Samples, place: int, threshold: np.ndarray) -> dict[str, Number]:
    is_positive, called = samples.is_true(place), samples.scores[:, place] >= threshold
    name = samples.classes[place]
    return {
        f"{kind}_of_{name}": Number(
            jackknife_mean(right.astype(np.float64), samples.unit, samples.units, among),
            effective_units(samples.unit[among]),
        )
        for kind, right, among in (
            ("sensitivity", called, is_positive),
            ("specificity", ~called, ~is_positive),
        )
    }
