"""Whether scores are probabilities: log loss, Brier score, calibration error and the reliability curve."""

from typing import Any

import numpy as np

from slidemill.evaluation.samples import Samples

BINS = 10
DEBIASED_BINS = 5
_SMALLEST_SCORE = float(np.finfo(np.float32).eps)  # a score of 0 for the true class would make the log loss infinite


def log_losses(samples: Samples) -> np.ndarray:
    """Minus the natural logarithm of each sample's score of its true class (at least 1.2e-7): (samples,)."""
    of_true = samples.scores[np.arange(len(samples)), samples.true].astype(np.float64)
    return -np.log(np.maximum(of_true, _SMALLEST_SCORE))


def brier_scores(samples: Samples) -> np.ndarray:
    """Squared distance of each sample's scores from its true class, 0 to 2: (samples,).

    Source: Brier 1950, Mon Weather Rev 78:1, the original form over all classes.
    """
    truth = np.eye(len(samples.classes))[samples.true]
    return ((samples.scores - truth) ** 2).sum(axis=1)


def calibration_error(samples: Samples) -> float:
    """Expected calibration error, NaN without samples.

    The mean over samples of the distance between score and accuracy in ten equal bins of the predicted class' score.
    Source: Guo et al. 2017, ICML (arXiv 1706.04599).
    """
    _, scores, right = _bin_sums(samples)
    return float(np.abs(scores - right).sum() / len(samples)) if len(samples) else np.nan


def debiased_calibration_error(samples: Samples) -> float:
    """Root mean square calibration error without the part that chance alone gives; NaN without samples.

    In five bins with equally many samples, the squared distance between score and accuracy less its variance, which is
    that of units and not of samples; 0 where nothing is left. Source: Kumar et al. 2019, NeurIPS (arXiv 1909.10155).
    """
    if not len(samples):
        return np.nan
    confidence, right = confidences(samples)
    places = np.argsort(confidence, kind="stable")
    squares = [
        len(part) * _debiased_square((right - confidence)[part], samples.unit[part])
        for part in np.array_split(places, DEBIASED_BINS)
        if len(part)
    ]
    return float(max(sum(squares) / len(samples), 0.0) ** 0.5)


def _debiased_square(distances: np.ndarray, unit: np.ndarray) -> float:
    """The squared mean of the distances less the variance of the mean; 0 for a single unit, which tells nothing."""
    number = np.unique(unit, return_inverse=True)[1]
    units, mean = 1 + int(number.max()), float(distances.mean())
    if units < 2:
        return 0.0
    sums = np.bincount(number, weights=distances - mean)
    return mean**2 - float((sums**2).sum()) / len(distances) ** 2 * units / (units - 1)


def reliability_curve(samples: Samples) -> dict[str, list[Any]]:
    """Number of samples, mean score of the predicted class and accuracy in each bin; None in empty bins."""
    counts, scores, right = _bin_sums(samples)
    return {
        "count": [int(count) for count in counts],
        "score": [score / count if count else None for score, count in zip(scores, counts, strict=True)],
        "accuracy": [hits / count if count else None for hits, count in zip(right, counts, strict=True)],
    }


def _bin_sums(samples: Samples) -> list[np.ndarray]:
    """Samples, their scores and the right ones among them, each (bins,)."""
    confidence, right = confidences(samples)
    bins = np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    return [np.bincount(bins, weights=values, minlength=BINS) for values in (np.ones(len(right)), confidence, right)]


def confidences(samples: Samples) -> tuple[np.ndarray, np.ndarray]:
    """Score of the predicted class, and 1 where it is the true one, else 0: each (samples,) float64."""
    confidence = samples.scores[np.arange(len(samples)), samples.predicted].astype(np.float64)
    return confidence, (samples.predicted == samples.true).astype(np.float64)
