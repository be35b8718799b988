"""Intervals by drawing patients again, with replacement.

Slides of one patient resemble each other, so patients are drawn and bring all of their slides. A statistic of a draw is
the statistic of the slides, each weighted by how often its patient was drawn.

Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval); clusters as in
Field and Welsh 2007, J R Stat Soc B 69:369.
"""

from collections.abc import Sequence

import numpy as np

from slidemill.seeds import generator

DRAWS = 2000
CONFIDENCE = 0.95


def patient_weights(patient_ids: Sequence[str], seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw patients with replacement.

    Args:
        patient_ids: the patient of each slide.
        seed: the config's seed; the same seed and patients give the same draws.
        draws: number of draws.
    Returns:
        (draws, slides) float64: how often the patient of each slide was drawn.
    """
    patients, patient_of_slide = np.unique(np.asarray(patient_ids, dtype=np.str_), return_inverse=True)
    if not len(patients):
        return np.zeros((draws, 0))
    chances = np.full(len(patients), 1 / len(patients))
    counts = generator(seed, "bootstrap").multinomial(len(patients), chances, size=draws)
    return counts[:, patient_of_slide].astype(np.float64)


def weighted_mean(values: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Mean of (slides,) values in each draw: (draws,), NaN where all weights are 0."""
    with np.errstate(invalid="ignore"):
        return (weights @ values) / weights.sum(axis=1)


def weighted_auc(is_positive: np.ndarray, scores: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Area under the ROC curve in each draw, ties counted half.

    Args:
        is_positive: (slides,) bool.
        scores: (slides,) float.
        weights: (draws, slides) float.
    Returns:
        (draws,) float64 from 0 to 1, NaN for a draw without a positive or without a negative slide.
    Source: the Mann-Whitney statistic; Hanley and McNeil 1982, Radiology 143:29.
    """
    order = np.argsort(scores, kind="stable")
    level_starts = np.flatnonzero(np.diff(scores[order], prepend=-np.inf))
    positives = np.add.reduceat(weights[:, order] * is_positive[order], level_starts, axis=1)
    negatives = np.add.reduceat(weights[:, order] * ~is_positive[order], level_starts, axis=1)
    negatives_below = np.cumsum(negatives, axis=1) - negatives
    won_pairs = (positives * (negatives_below + negatives / 2)).sum(axis=1)
    with np.errstate(invalid="ignore"):
        return won_pairs / (positives.sum(axis=1) * negatives.sum(axis=1))


def percentile_interval(statistics: np.ndarray) -> list[float] | None:
    """The middle 95% of the draws.

    Args:
        statistics: (draws,) float; NaN draws, in which the statistic cannot be computed, are left out.
    Returns:
        [lower, upper], or None where no interval can be given: there is no draw left, or all draws agree. They agree
        when there is one patient, or when no slide is wrong: an interval without width would claim a certainty that
        resampling cannot show.
    """
    computable = statistics[np.isfinite(statistics)]
    if not len(computable) or np.ptp(computable) == 0:
        return None
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(computable, [tail, 1 - tail])
    return [float(lower), float(upper)]
