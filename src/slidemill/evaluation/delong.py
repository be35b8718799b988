"""The interval of an AUC by DeLong's method, which takes samples as independent of each other.

Source: DeLong, DeLong and Clarke-Pearson 1988, Biometrics 44:837; computed as Sun and Xu 2014, IEEE Signal Process Lett
21:1389, from midranks, in the time of sorting.
"""

from statistics import NormalDist

import numpy as np

from slidemill.evaluation.bootstrap import CONFIDENCE


def delong_variance(is_positive: np.ndarray, scores: np.ndarray) -> float | None:
    """Variance of the area under the ROC curve.

    Args:
        is_positive: (samples,) bool.
        scores: (samples,) float.
    Returns:
        The variance, or None with fewer than two samples of either kind.
    """
    positives, negatives = scores[is_positive], scores[~is_positive]
    if min(len(positives), len(negatives)) < 2:
        return None
    ranks = midranks(np.concatenate([positives, negatives]))
    # Share of the negatives that each positive is above, and of the positives that each negative is below.
    of_positives = (ranks[: len(positives)] - midranks(positives)) / len(negatives)
    of_negatives = 1 - (ranks[len(positives) :] - midranks(negatives)) / len(positives)
    return float(of_positives.var(ddof=1) / len(positives) + of_negatives.var(ddof=1) / len(negatives))


def delong_interval(area: float | None, is_positive: np.ndarray, scores: np.ndarray) -> list[float] | None:
    """[lower, upper] of 95%, cut at 0 and 1; None where it cannot be computed or has no width."""
    variance = delong_variance(is_positive, scores)
    if area is None or not variance:
        return None
    reach = NormalDist().inv_cdf((1 + CONFIDENCE) / 2) * variance**0.5
    return [float(max(0.0, area - reach)), float(min(1.0, area + reach))]


def midranks(values: np.ndarray) -> np.ndarray:
    """Rank of each value from 1, equal values sharing the mean of their ranks: (n,) float64."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2)[places]
