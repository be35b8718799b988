"""ROC and precision-recall curves with bands: an interval at each point of a grid, and not of the curve as a whole.

An interval is Wilson's, as for other proportions, with the variance of the draws of `slidemill.evaluation.bootstrap`: a
jackknife does not hold for quantiles, which decide where a curve passes.
"""

from typing import Any

import numpy as np

from slidemill.evaluation.intervals import effective_units, student, wilson
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

_GRID = np.linspace(0, 1, 101)
_NO_VARIANCE = 1e-12
_MAX_CORNERS = 400  # of a curve; beyond that no eye sees a difference


def roc_curves(samples: Samples, draws: np.ndarray) -> dict[str, Any]:
    """For each class the corners of its curve against the rest, and the band of the true positive rate; None without.

    Args:
        samples: slides or patients.
        draws: (draws, units), from `unit_weights`.
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
    drawn = zip(*Ranking.of_draws(is_positive, scores, samples.unit, draws).rates(), strict=True)
    curves = np.array([np.interp(_GRID, *rates) for rates in drawn])
    band = _band(np.interp(_GRID, false, true), curves, samples, is_positive)
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
    drawn = zip(*Ranking.of_draws(is_positive, scores, samples.unit, draws).precision_recall(), strict=True)
    curves = np.array([_at_recalls(*rates) for rates in drawn])
    band = _band(_at_recalls(precision, recall), curves, samples, is_positive)
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


def _band(
    curve: np.ndarray, drawn: np.ndarray, samples: Samples, is_positive: np.ndarray
) -> dict[str, list[float]] | None:
    """None where all samples of the class are of one unit.

    Args:
        curve: (grid,) the values of the curve.
        drawn: (draws, grid) those of each draw.
        samples, is_positive: of which the curve is.
    """
    if len(set(samples.unit[is_positive].tolist())) < 2:
        return None
    unanimous, quantile = effective_units(samples.unit[is_positive]), student(samples.units - 1)
    limits = []
    for value, variance in zip(curve.tolist(), drawn.var(axis=0).tolist(), strict=True):
        inside = value * (1 - value)
        trials = inside / variance if variance > _NO_VARIANCE and inside > _NO_VARIANCE else unanimous
        limits.append(wilson(value, trials, quantile))
    lower, upper = np.clip(np.array(limits).T, 0, 1)
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
