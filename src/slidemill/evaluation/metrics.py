"""Metrics of samples against their true classes, each with its interval or with the reason why it has none.

What cannot be computed is None (null in metrics.json), never 0 or 1: the AUC of a class that no sample has, or that
every sample has, and every average over classes of which one is missing.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from slidemill.evaluation import calibration, confusion
from slidemill.evaluation.intervals import (
    Interval,
    Range,
    area_interval,
    auc_interval,
    effective_units,
    loss_interval,
    wilson_interval,
)
from slidemill.evaluation.jackknife import (
    Jackknife,
    jackknife_auc,
    jackknife_average_precision,
    jackknife_matrix,
    jackknife_mean,
)
from slidemill.evaluation.samples import Samples

Estimate = dict[str, Any]

BIASED = "biased upwards in small samples, so that no interval around it holds"
CUT_AT_0 = "cut off at 0, near which no interval around it holds"
_KAPPA = Range(-1.0, 1.0)
_OF_MATRIX = ("accuracy", "balanced_accuracy", "cohen_kappa", "quadratic_kappa")
_BRIER = Range(0.0, 2.0)
_LOG_LOSS = Range(0.0, np.inf)


def estimate(
    unit_name: str, found: Jackknife, interval: Callable[[Jackknife], Interval | None], reason: str = ""
) -> Estimate:
    """A number with its interval, or with the reason why there is none.

    Args:
        unit_name: what a unit is, "patient" or "site".
        found: the number; NaN where it is not computable.
        interval: from a computable number to its interval, None where there is none.
        reason: what keeps it, or a part of it, from being computable, if known.
    """
    if not np.isfinite(found.value):
        return {"value": None, "interval_95": None, "reason": reason or "nothing to count"}
    limits = interval(found) if found.units > 1 else None
    if limits is not None:
        # A bound and the value may meet, but for the last bits of different sums.
        limits = [min(limits[0], found.value), max(limits[1], found.value)]
    return {
        "value": found.value,
        "interval_95": limits,
        "reason": None if limits else reason or _why_none(found, unit_name),
    }


def all_metrics(samples: Samples) -> dict[str, Any]:
    """Everything that metrics.json says of the samples of one level, but for curves (see docs/outputs.md).

    Args:
        samples: tiles, slides or patients; no unit without samples.
    """
    return {
        "count": len(samples),
        **_of_classes(samples),
        **ranking_metrics(samples),
        **_of_probabilities(samples),
        "confusion": confusion.confusion_matrix(samples).tolist(),
        "calibration": calibration.reliability_curve(samples),
    }


def main_metrics(samples: Samples) -> dict[str, Any]:
    """The few metrics by which ways to aggregate are compared."""
    of_classes = _of_classes(samples)
    return {
        **{name: of_classes[name] for name in _OF_MATRIX if name in of_classes},
        "f1_macro": of_classes["f1"]["macro"],
        "auc_macro": auc_metrics(samples)["macro"],
        **_of_probabilities(samples),
    }


def subgroup_metrics(samples: Samples) -> dict[str, Any]:
    """The metrics of a part of the samples; its units are numbered anew."""
    samples = samples.renumbered()
    of_classes = _of_classes(samples)
    return {
        "accuracy": of_classes["accuracy"],
        "balanced_accuracy": of_classes["balanced_accuracy"],
        "auc_macro": auc_metrics(samples)["macro"],
    }


def ranking_metrics(samples: Samples) -> dict[str, Any]:
    """AUC and average precision of each class against the rest, and their macro and micro averages."""
    return {"auc": auc_metrics(samples), "average_precision": _average_precision_metrics(samples)}


def proportion(is_counted: np.ndarray, samples: Samples, among: np.ndarray, reason: str) -> Estimate:
    """A share of some of the samples, such as sensitivity, with Wilson's interval.

    Args:
        is_counted: (samples,) bool.
        samples: all of them.
        among: (samples,) bool, those of which the share is taken.
        reason: what to say where there are none.
    """
    found = jackknife_mean(is_counted.astype(np.float64), samples.unit, samples.units, among)
    unanimous, trials = effective_units(samples.unit[among]), float(among.sum())
    return estimate(
        samples.unit_name,
        found,
        partial(wilson_interval, unanimous=unanimous, trials=trials),
        reason if not trials else "",
    )


def class_auc(samples: Samples, place: int) -> Estimate:
    """AUC of the class at this place against the rest."""
    positives, negatives = _units_against_each_other(samples, place)
    return estimate(
        samples.unit_name,
        _jackknife_of_class(jackknife_auc, samples, place),
        partial(auc_interval, positives=positives, negatives=negatives),
        _lacking(samples, place, against_rest=True),
    )


def auc_metrics(samples: Samples) -> dict[str, Any]:
    """AUC of each class against the rest, and their macro and micro averages."""
    parts = [_jackknife_of_class(jackknife_auc, samples, place) for place in range(len(samples.classes))]
    weights = [_units_against_each_other(samples, place) for place in range(len(samples.classes))]
    every = effective_units(samples.unit)
    reasons = [_lacking(samples, place, against_rest=True) for place in range(len(samples.classes))]

    def macro(found: Jackknife) -> Interval | None:
        if found.tells_variance:
            return area_interval(found, every)
        intervals = [auc_interval(part, *weight) for part, weight in zip(parts, weights, strict=True)]
        if None in intervals:
            return None
        return [float(bound) for bound in np.mean(np.array(intervals), axis=0)]

    return {
        "per_class": {
            name: estimate(
                samples.unit_name, part, partial(auc_interval, positives=weight[0], negatives=weight[1]), reason
            )
            for name, part, weight, reason in zip(samples.classes, parts, weights, reasons, strict=True)
        },
        "macro": estimate(samples.unit_name, Jackknife.mean(parts), macro, _first(reasons)),
        "micro": estimate(
            samples.unit_name, _micro(jackknife_auc, samples), partial(auc_interval, positives=every, negatives=every)
        ),
    }


def _average_precision_metrics(samples: Samples) -> dict[str, Any]:
    places = range(len(samples.classes))
    parts = [_jackknife_of_class(jackknife_average_precision, samples, place) for place in places]
    reasons = [_lacking(samples, place, against_rest=True) for place in places]
    every, own = effective_units(samples.unit), _units_of_classes(samples)
    return {
        "per_class": {
            name: estimate(samples.unit_name, part, partial(area_interval, unanimous=units), reason)
            for name, part, units, reason in zip(samples.classes, parts, own, reasons, strict=True)
        },
        "macro": estimate(
            samples.unit_name,
            Jackknife.mean(parts),
            partial(area_interval, unanimous=_of_mean_over_classes(own)),
            _first(reasons),
        ),
        "micro": estimate(
            samples.unit_name, _micro(jackknife_average_precision, samples), partial(area_interval, unanimous=every)
        ),
    }


def _jackknife_of_class(area: Callable[..., Jackknife], samples: Samples, place: int) -> Jackknife:
    is_positive = samples.is_true(place)
    if is_positive.all() or not is_positive.any():
        return Jackknife(np.nan, np.full(samples.units, np.nan))
    return area(is_positive, samples.scores[:, place], samples.unit, samples.units)


def _units_against_each_other(samples: Samples, place: int) -> tuple[float, float]:
    """Effective numbers of units with samples of a class, and with others."""
    is_true = samples.is_true(place)
    return effective_units(samples.unit[is_true]), effective_units(samples.unit[~is_true])


def _micro(area: Callable[..., Jackknife], samples: Samples) -> Jackknife:
    """Of the decisions on all classes at once."""
    classes = len(samples.classes)
    if not len(samples):
        return Jackknife(np.nan, np.zeros(0))
    is_positive = np.concatenate([samples.is_true(place) for place in range(classes)])
    return area(is_positive, samples.scores.T.ravel(), np.tile(samples.unit, classes), samples.units)


def _of_classes(samples: Samples) -> dict[str, Any]:
    """Metrics of the confusion matrix. F1 over all classes at once (micro) is the accuracy."""
    matrices = confusion.confusion_of_units(samples)
    own = _units_of_classes(samples)
    over_classes, every = _of_mean_over_classes(own), effective_units(samples.unit)
    members = confusion.confusion_matrix(samples).sum(axis=1).tolist()
    macro = {"trials": _of_mean_over_classes(members), "over_classes": True}
    reasons = [_lacking(samples, place) for place in range(len(samples.classes))]

    def of(metric: confusion.Metric, unanimous: float, reason: str, **options: Any) -> Estimate:
        interval = partial(wilson_interval, unanimous=unanimous, **options)
        return estimate(samples.unit_name, jackknife_matrix(matrices, metric), interval, reason)

    every_sample = np.ones(len(samples), bool)
    grades = {"quadratic_kappa": confusion.quadratic_kappa} if samples.is_ordered else {}
    accuracy = proportion(samples.predicted == samples.true, samples, every_sample, "")
    return {
        "accuracy": accuracy,
        "balanced_accuracy": of(confusion.balanced_accuracy, over_classes, _first(reasons), **macro),
        "cohen_kappa": of(confusion.cohen_kappa, every, _single_class(samples), bounds=_KAPPA),
        **{name: of(metric, every, _single_class(samples), bounds=_KAPPA) for name, metric in grades.items()},
        "f1": {
            "per_class": {
                name: of(partial(confusion.f1_of_class, place=place), own[place], reason)
                for place, (name, reason) in enumerate(zip(samples.classes, reasons, strict=True))
            },
            "macro": of(confusion.f1_macro, over_classes, _first(reasons), **macro),
            "micro": accuracy,
        },
    }


def _of_probabilities(samples: Samples) -> dict[str, Estimate]:
    every = effective_units(samples.unit)
    found = {}
    for name, values, bounds in (
        ("log_loss", calibration.log_losses(samples), _LOG_LOSS),
        ("brier", calibration.brier_scores(samples), _BRIER),
    ):
        mean = jackknife_mean(values, samples.unit, samples.units)
        found[name] = estimate(samples.unit_name, mean, partial(loss_interval, unanimous=every, bounds=bounds))
    for name, error, reason in (
        ("expected_calibration_error", calibration.calibration_error, BIASED),
        ("calibration_error_debiased", calibration.debiased_calibration_error, CUT_AT_0),
    ):
        found[name] = estimate(samples.unit_name, Jackknife(error(samples), np.zeros(0)), _without_interval, reason)
    return found


def _lacking(samples: Samples, place: int, *, against_rest: bool = False) -> str:
    """Why a number on a class is not computable; "" where it is.

    Args:
        samples: all of them.
        place: of the class.
        against_rest: whether it takes samples of other classes too.
    """
    is_true, name = samples.is_true(place), samples.classes[place]
    if not is_true.any():
        return f"nothing of class {name}"
    return f"nothing of classes other than {name}" if against_rest and is_true.all() else ""


def _without_interval(_: Jackknife) -> None:
    return None


def _single_class(samples: Samples) -> str:
    present = set(samples.true.tolist())
    return "everything is of one class" if len(present) == 1 else ""


def _why_none(found: Jackknife, unit_name: str) -> str:
    return f"one {unit_name} only" if found.units < 2 else f"no {unit_name} makes a difference"


def _units_of_classes(samples: Samples) -> list[float]:
    return [effective_units(samples.unit[samples.is_true(place)]) for place in range(len(samples.classes))]


def _of_mean_over_classes(trials: list[float]) -> float:
    """Trials whose share is as certain as the mean of the shares of classes with so many trials each."""
    return len(trials) ** 2 / sum(1 / own for own in trials) if all(trials) else 0.0


def _first(reasons: list[str]) -> str:
    return next(filter(None, reasons), "")
