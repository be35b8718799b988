"""Area under the ROC curve of tile scores."""

import numpy as np


def macro_auc(scores: np.ndarray, labels: np.ndarray) -> float:
    """Mean over classes of the AUC of the class against the rest.

    Args:
        scores: (tiles, classes).
        labels: (tiles,), class numbers.

    Returns:
        NaN where no class has tiles both inside and outside it; other classes without such are left out of the mean.
    """
    areas = [_auc(scores[:, number], labels == number) for number in range(scores.shape[1])]
    known = [area for area in areas if area is not None]
    return float(np.mean(known)) if known else float("nan")


def _auc(scores: np.ndarray, positive: np.ndarray) -> float | None:
    """The share of pairs of a positive and a negative in which the positive has the higher score; ties count half."""
    positives, negatives = int(positive.sum()), int((~positive).sum())
    if not positives or not negatives:
        return None
    _, place, counts = np.unique(scores, return_inverse=True, return_counts=True)
    mean_ranks = np.cumsum(counts) - (counts - 1) / 2
    rank_sum = mean_ranks[place][positive].sum()
    return float((rank_sum - positives * (positives + 1) / 2) / (positives * negatives))
