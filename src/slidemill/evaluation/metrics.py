"""Metrics of scored slides against their true classes.

What cannot be computed is None (null in metrics.json), never 0 or 1: the AUC of a class that no slide has, or that
every slide has, and every average over classes of which one is missing.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score, roc_curve

from slidemill.evaluation.bootstrap import patient_weights, percentile_interval, weighted_auc, weighted_mean
from slidemill.evaluation.slides_table import SlideRow


@dataclass(frozen=True, slots=True)
class ScoredSlides:
    """Scored slides as arrays.

    Attributes:
        classes: class names; the numbers below are places in it.
        true, predicted, majority: (slides,) int64, class numbers.
        scores: (slides, classes) float64, mean scores.
        weights: (draws, slides) float64, how often each slide comes in each bootstrap draw.
    """

    classes: tuple[str, ...]
    true: np.ndarray
    predicted: np.ndarray
    majority: np.ndarray
    scores: np.ndarray
    weights: np.ndarray

    @classmethod
    def of(cls, rows: Sequence[SlideRow], classes: Sequence[str], seed: int) -> "ScoredSlides":
        """Turn table rows into arrays; rows without scores are left out."""
        scored = [row for row in rows if row.is_scored]
        number = {name: place for place, name in enumerate(classes)}
        return cls(
            classes=tuple(classes),
            true=_integers(number[row.label] for row in scored),
            predicted=_integers(number[row.predicted] for row in scored),
            majority=_integers(number[row.majority] for row in scored),
            scores=np.array([[row.scores[name] for name in classes] for row in scored]).reshape(-1, len(classes)),
            weights=patient_weights([row.patient_id for row in scored], seed),
        )


def slide_metrics(slides: ScoredSlides) -> dict[str, Any]:
    """Compute the metrics that metrics.json holds under "slide" (see `slidemill.evaluation.evaluate`)."""
    areas = [_auc(slides, place) for place in range(len(slides.classes))]
    area_draws = [_auc_draws(slides, place) for place in range(len(slides.classes))]
    return {
        "accuracy": _share(slides.true == slides.predicted, slides.weights),
        "accuracy_majority_vote": _share(slides.true == slides.majority, slides.weights),
        "balanced_accuracy": _balanced_accuracy(slides),
        "auc": {
            "macro": _estimate(_mean(areas), np.mean(area_draws, axis=0)),
            "per_class": _by_class(slides, map(_estimate, areas, area_draws)),
        },
        "roc": _by_class(slides, (_roc(slides, place) for place in range(len(slides.classes)))),
        "confusion": _confusion(slides),
    }


def _share(is_right: np.ndarray, weights: np.ndarray) -> dict[str, Any]:
    value = float(is_right.mean()) if len(is_right) else None
    return _estimate(value, weighted_mean(is_right.astype(np.float64), weights))


def _balanced_accuracy(slides: ScoredSlides) -> dict[str, Any]:
    """Mean over the classes of the share of their slides that are predicted as such."""
    is_right = (slides.true == slides.predicted).astype(np.float64)
    members = [slides.true == place for place in range(len(slides.classes))]
    recalls = [float(is_right[of_class].mean()) if of_class.any() else None for of_class in members]
    draws = [weighted_mean(is_right[of_class], slides.weights[:, of_class]) for of_class in members]
    return _estimate(_mean(recalls), np.mean(draws, axis=0))


def _auc(slides: ScoredSlides, place: int) -> float | None:
    is_positive = slides.true == place
    if not _has_both(is_positive):
        return None
    return float(roc_auc_score(is_positive, slides.scores[:, place]))


def _auc_draws(slides: ScoredSlides, place: int) -> np.ndarray:
    is_positive = slides.true == place
    if not _has_both(is_positive):
        return np.full(len(slides.weights), np.nan)
    return weighted_auc(is_positive, slides.scores[:, place], slides.weights)


def _roc(slides: ScoredSlides, place: int) -> dict[str, list[float]] | None:
    is_positive = slides.true == place
    if not _has_both(is_positive):
        return None
    false_positive, true_positive, _ = roc_curve(is_positive, slides.scores[:, place])
    return {"false_positive_rate": false_positive.tolist(), "true_positive_rate": true_positive.tolist()}


def _confusion(slides: ScoredSlides) -> list[list[int]]:
    counts = np.zeros((len(slides.classes), len(slides.classes)), dtype=np.int64)
    np.add.at(counts, (slides.true, slides.predicted), 1)
    return counts.tolist()


def _estimate(value: float | None, draws: np.ndarray) -> dict[str, Any]:
    """A number with its interval and with the number of draws in which it could be computed."""
    if value is None:
        return {"value": None, "interval_95": None, "draws": 0}
    return {"value": value, "interval_95": percentile_interval(draws), "draws": int(np.isfinite(draws).sum())}


def _mean(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if len(known) == len(values) else None


def _has_both(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())


def _by_class(slides: ScoredSlides, values: Any) -> dict[str, Any]:
    return dict(zip(slides.classes, values, strict=True))


def _integers(numbers: Any) -> np.ndarray:
    return np.fromiter(numbers, dtype=np.int64)
