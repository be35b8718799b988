"""Whether scores are probabilities: log loss, Brier score, expected calibration error and the reliability curve."""

from typing import Any

import numpy as np

from slidemill.evaluation.samples import Samples, sums_by_patient

BINS = 10
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


def mean_draws(values: np.ndarray, samples: Samples, draws: np.ndarray) -> np.ndarray:
    """Mean of (samples,) values in each of the (draws, patients): (draws,), NaN where no sample was drawn."""
    patients = draws.shape[1]
    counts = draws @ sums_by_patient(np.ones(len(samples)), samples.patient, patients)
    with np.errstate(invalid="ignore"):
        return (draws @ sums_by_patient(values, samples.patient, patients)) / counts


def calibration_error(samples: Samples, draws: np.ndarray) -> np.ndarray:
    """Expected calibration error in each of the (draws, patients): (draws,), NaN where no sample was drawn.

    The mean over samples of the distance between score and accuracy in ten equal bins of the predicted class' score.
    Source: Guo et al. 2017, ICML (arXiv 1706.04599).
    """
    counts, scores, right = (draws @ sums for sums in _bin_sums(samples, draws.shape[1]))
    with np.errstate(invalid="ignore"):
        return np.abs(scores - right).sum(axis=1) / counts.sum(axis=1)


def reliability_curve(samples: Samples) -> dict[str, list[Any]]:
    """Number of samples, mean score of the predicted class and accuracy in each bin; None in empty bins."""
    counts, scores, right = (sums.sum(axis=0) for sums in _bin_sums(samples, 1 + samples.patient.max(initial=0)))
    return {
        "count": [int(count) for count in counts],
        "score": [score / count if count else None for score, count in zip(scores, counts, strict=True)],
        "accuracy": [hits / count if count else None for hits, count in zip(right, counts, strict=True)],
    }


def _bin_sums(samples: Samples, patients: int) -> list[np.ndarray]:
    """Samples, their scores and the right ones among them, each (patients, bins)."""
    confidence = samples.scores[np.arange(len(samples)), samples.predicted].astype(np.float64)
    cells = samples.patient * BINS + np.minimum((confidence * BINS).astype(np.int64), BINS - 1)
    of_samples = [np.ones(len(samples)), confidence, (samples.predicted == samples.true).astype(np.float64)]
    return [sums_by_patient(values, cells, patients * BINS).reshape(patients, BINS) for values in of_samples]
