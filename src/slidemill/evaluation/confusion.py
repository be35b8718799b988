"""Confusion matrices, of all samples and of each unit, and the metrics that follow from them.

Matrices are (..., true classes, predicted classes). What cannot be computed is NaN: the recall and F1 of a class that
no sample has, and every average over classes of which one is NaN.
"""

from collections.abc import Callable

import numpy as np

from slidemill.evaluation.samples import Samples

Metric = Callable[[np.ndarray], np.ndarray]


def confusion_matrix(samples: Samples) -> np.ndarray:
    """Counts of all samples, (classes, classes) int64."""
    size = len(samples.classes)
    cells = samples.true * size + samples.predicted
    return np.bincount(cells, minlength=size**2).reshape(size, size)


def confusion_of_units(samples: Samples) -> np.ndarray:
    """Counts of each unit, (units, classes, classes) int64."""
    size = len(samples.classes)
    cells = (samples.unit * size + samples.true) * size + samples.predicted
    return np.bincount(cells, minlength=samples.units * size**2).reshape(-1, size, size)


def accuracy(matrix: np.ndarray) -> np.ndarray:
    """Share of the samples that are right."""
    return _ratio(np.trace(matrix, axis1=-2, axis2=-1), matrix.sum(axis=(-2, -1)))


def balanced_accuracy(matrix: np.ndarray) -> np.ndarray:
    """Mean over the classes of the share of their samples that are right."""
    return _ratio(_right(matrix), matrix.sum(axis=-1)).mean(axis=-1)


def f1_of_classes(matrix: np.ndarray) -> np.ndarray:
    """Harmonic mean of precision and recall of each class: (..., classes)."""
    members, claimed = matrix.sum(axis=-1), matrix.sum(axis=-2)
    return np.where(members > 0, _ratio(2 * _right(matrix), members + claimed), np.nan)


def f1_of_class(matrix: np.ndarray, place: int) -> np.ndarray:
    """F1 of the class at this place: (...)."""
    return f1_of_classes(matrix)[..., place]


def f1_macro(matrix: np.ndarray) -> np.ndarray:
    """Mean of the classes' F1."""
    return f1_of_classes(matrix).mean(axis=-1)


def cohen_kappa(matrix: np.ndarray) -> np.ndarray:
    """Agreement beyond chance. Source: Cohen 1960, Educ Psychol Meas 20:37."""
    total = matrix.sum(axis=(-2, -1))
    by_chance = _ratio((matrix.sum(axis=-1) * matrix.sum(axis=-2)).sum(axis=-1), total**2)
    return _ratio(accuracy(matrix) - by_chance, 1 - by_chance)


def quadratic_kappa(matrix: np.ndarray) -> np.ndarray:
    """Agreement of grades beyond chance, where a mistake counts by the square of how many grades it is off.

    Source: Cohen 1968, Psychol Bull 70:213; Fleiss and Cohen 1973, Educ Psychol Meas 33:613.
    """
    grades = np.arange(matrix.shape[-1])
    off = (grades[:, None] - grades) ** 2
    by_chance = matrix.sum(axis=-1)[..., :, None] * matrix.sum(axis=-2)[..., None, :]
    seen = (off * matrix).sum(axis=(-2, -1)) * matrix.sum(axis=(-2, -1))
    return 1 - _ratio(seen, (off * by_chance).sum(axis=(-2, -1)))


def _right(matrix: np.ndarray) -> np.ndarray:
    return np.diagonal(matrix, axis1=-2, axis2=-1)


def _ratio(numerator: np.ndarray, denominator: np.ndarray) -> np.ndarray:
    with np.errstate(invalid="ignore", divide="ignore"):
        ratio = np.asarray(numerator, np.float64) / denominator
    return np.where(np.isfinite(ratio), ratio, np.nan)
