"""ROC and precision-recall curves with bands: at each point of a grid, the middle 95% of the bootstrap draws."""

from typing import Any

import numpy as np

from slidemill.evaluation.bootstrap import CONFIDENCE
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

_GRID = np.linspace(0, 1, 101)
_MAX_CORNERS = 400  # of a curve; beyond that no eye sees a difference


def roc_curves(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """For each class the corners of its curve against the rest, and the band of the true positive rate; None without.

    Args:
        samples: slides or patients.
        draws: (draws, patients).
    """
    return {name: _roc(samples, place, draws) for place, name in enumerate(samples.classes)}


def precision_recall_curves(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """For each class precision over recall, its band, and the share of the class; None without."""
    return {name: _precision_recall(samples, place, draws) for place, name in enumerate(samples.classes)}


def _roc(samples: Samples, place: int, draws: np.ndarray) -> dict[str, Any] | None:
    is_positive, scores = samples.is_true(place), samples.scores[:, place]
    if not _has_both(is_positive):
        return None
    false, true = (rates[0] for rates in Ranking.of(is_positive, scores).rates())
    drawn = zip(*Ranking.of_draws(is_positive, scores, samples.patient, draws).rates(), strict=True)
    band = _band([np.interp(_GRID, false, true) for false, true in drawn if np.isfinite(false + true).all()])
    corners = _corners(false, true)
    return {
        "false_positive_rate": false[corners].tolist(),
        "true_positive_rate": true[corners].tolist(),
        "band_95": band,
    }


def _precision_recall(samples: Samples, place: int, draws: np.ndarray) -> dict[str, Any] | None:
    is_positive, scores = samples.is_true(place), samples.scores[:, place]
    if not _has_both(is_positive):
        return None
    precision, recall = (rates[0] for rates in Ranking.of(is_positive, scores).precision_recall())
    drawn = zip(*Ranking.of_draws(is_positive, scores, samples.patient, draws).precision_recall(), strict=True)
    band = _band([_at_recalls(precision, recall) for precision, recall in drawn if np.isfinite(recall).all()])
    corners = _corners(recall, precision)
    return {
        "recall": recall[corners].tolist(),
        "precision": precision[corners].tolist(),
        "band_95": band,
        "share": float(is_positive.mean()),
    }


def _at_recalls(precision: np.ndarray, recall: np.ndarray) -> np.ndarray:
    """Precision at the first level that reaches each recall of the grid, as in the sum of average precision."""
    called = np.isfinite(precision)
    reached = np.searchsorted(recall[called], _GRID - 1e-12)
    return precision[called][np.minimum(reached, called.sum() - 1)]


def _band(curves: list[np.ndarray]) -> dict[str, list[float]] | None:
    if not curves:
        return None
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(curves, [tail, 1 - tail], axis=0)
    return {"at": _GRID.tolist(), "lower": lower.tolist(), "upper": upper.tolist()}


def _corners(x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Places of the points at which a polyline turns, at most `_MAX_CORNERS`."""
    steps = np.stack([np.diff(x), np.diff(y)])
    turns = np.abs(steps[0, :-1] * steps[1, 1:] - steps[1, :-1] * steps[0, 1:]) > 1e-15
    places = np.concatenate([[0], 1 + np.flatnonzero(turns), [len(x) - 1]]) if len(x) > 1 else np.arange(len(x))
    if len(places) <= _MAX_CORNERS:
        return places
    return places[np.linspace(0, len(places) - 1, _MAX_CORNERS).round().astype(np.int64)]


def _has_both(is_positive: np.ndarray) -> bool:
    return bool(is_positive.any() and not is_positive.all())
