"""Metrics of samples against their true classes, each with its interval.

What cannot be computed is None (null in metrics.json), never 0 or 1: the AUC of a class that no sample has, or that
every sample has, and every average over classes of which one is missing.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from slidemill.evaluation import calibration, confusion
from slidemill.evaluation.bootstrap import percentile_interval
from slidemill.evaluation.delong import delong_interval
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

Estimate = dict[str, Any]


def estimate(value: float, draws: np.ndarray) -> Estimate:
    """A number with its interval and with the number of draws in which it could be computed.

    Args:
        value: NaN where it is not computable.
        draws: (draws,) float, the number in each draw.
    """
    if not np.isfinite(value):
        return {"value": None, "interval_95": None, "draws": 0}
    return {
        "value": float(value),
        "interval_95": percentile_interval(draws),
        "draws": int(np.isfinite(draws).sum()),
    }


def all_metrics(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """Everything that metrics.json says of the samples of one level, but for curves (see docs/outputs.md).

    Args:
        samples: tiles, slides or patients.
        draws: (draws, patients), from `patient_draws`.
    """
    return {
        "count": len(samples),
        **_of_classes(samples, draws),
        **ranking_metrics(samples, draws),
        **_of_probabilities(samples, draws),
        "confusion": confusion.confusion_matrix(samples).tolist(),
        "calibration": calibration.reliability_curve(samples),
    }


def main_metrics(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """The few metrics by which ways to aggregate are compared."""
    ranked = ranking_metrics(samples, draws)
    return {
        **{name: _of_matrix(samples, draws, metric) for name, metric in _CLASS_METRICS.items()},
        "auc_macro": ranked["auc"]["macro"],
        **_of_probabilities(samples, draws),
    }


def subgroup_metrics(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """The metrics of a part of the samples."""
    return {
        "accuracy": _of_matrix(samples, draws, confusion.accuracy),
        "balanced_accuracy": _of_matrix(samples, draws, confusion.balanced_accuracy),
        "auc_macro": ranking_metrics(samples, draws)["auc"]["macro"],
    }


def ranking_metrics(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """AUC and average precision of each class against the rest, and their macro and micro averages."""
    parts = [_Ranked(samples.is_true(n), samples.scores[:, n], samples.patient) for n in range(len(samples.classes))]
    every = _Ranked(
        np.concatenate([part.is_positive for part in parts]),
        np.concatenate([part.scores for part in parts]),
        np.tile(samples.patient, len(parts)),
    )
    all_draws = [part.draws(draws) for part in [*parts, every]]
    found: dict[str, Any] = {}
    for name, area in (("auc", Ranking.auc), ("average_precision", Ranking.average_precision)):
        values = [part.value(area) for part in [*parts, every]]
        in_draws = [part_draws if part_draws is None else area(part_draws) for part_draws in all_draws]
        estimates = [_ranked_estimate(value, drawn) for value, drawn in zip(values, in_draws, strict=True)]
        found[name] = {
            "per_class": dict(zip(samples.classes, estimates, strict=False)),
            "macro": _ranked_estimate(float(np.mean(values[:-1])), _mean_of(in_draws[:-1])),
            "micro": estimates[-1],
        }
    for name, part in zip(samples.classes, parts, strict=True):
        of_class = found["auc"]["per_class"][name]
        of_class["delong_95"] = delong_interval(of_class["value"], part.is_positive, part.scores)
    return found


class _Ranked:
    """Samples that are positive or not, and their scores."""

    def __init__(self, is_positive: np.ndarray, scores: np.ndarray, patient: np.ndarray) -> None:
        self.is_positive, self.scores, self.patient = is_positive, scores, patient
        self.has_both = bool(is_positive.any() and not is_positive.all())

    def value(self, area: Callable[[Ranking], np.ndarray]) -> float:
        return float(area(Ranking.of(self.is_positive, self.scores))[0]) if self.has_both else np.nan

    def draws(self, draws: np.ndarray) -> Ranking | None:
        if not self.has_both:
            return None
        return Ranking.of_draws(self.is_positive, self.scores, self.patient, draws)


def _ranked_estimate(value: float, draws: np.ndarray | None) -> Estimate:
    return estimate(value, np.zeros(0) if draws is None else draws)


def _mean_of(draws: Sequence[np.ndarray | None]) -> np.ndarray | None:
    known = [values for values in draws if values is not None]
    return np.mean(known, axis=0) if len(known) == len(draws) else None


_CLASS_METRICS: dict[str, confusion.Metric] = {
    "accuracy": confusion.accuracy,
    "balanced_accuracy": confusion.balanced_accuracy,
    "cohen_kappa": confusion.cohen_kappa,
    "f1_macro": confusion.f1_macro,
}


def _of_classes(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """Metrics of the confusion matrix. F1 over all classes at once (micro) is the accuracy."""
    values = confusion.f1_of_classes(confusion.confusion_matrix(samples))
    in_draws = confusion.f1_of_classes(confusion.confusion_draws(samples, draws))
    per_class = {name: estimate(values[n], in_draws[:, n]) for n, name in enumerate(samples.classes)}
    found = {name: _of_matrix(samples, draws, metric) for name, metric in _CLASS_METRICS.items()}
    macro = found.pop("f1_macro")
    return found | {"f1": {"per_class": per_class, "macro": macro, "micro": found["accuracy"]}}


def _of_matrix(samples: Samples, draws: np.ndarray, metric: confusion.Metric) -> Estimate:
    value = float(metric(confusion.confusion_matrix(samples)))
    return estimate(value, metric(confusion.confusion_draws(samples, draws)))


def _of_probabilities(samples: Samples, draws: np.ndarray) -> dict[str, Estimate]:
    once = np.bincount(samples.patient, minlength=draws.shape[1])[None] > 0
    found = {}
    for name, values in (
        ("log_loss", calibration.log_losses(samples)),
        ("brier", calibration.brier_scores(samples)),
    ):
        value = float(values.mean()) if len(values) else np.nan
        found[name] = estimate(value, calibration.mean_draws(values, samples, draws))
    error = calibration.calibration_error(samples, once.astype(np.float64))[0]
    found["expected_calibration_error"] = estimate(error, calibration.calibration_error(samples, draws))
    return found
