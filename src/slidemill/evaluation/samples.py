"""What is evaluated, as arrays: tiles, slides or patients with their true and predicted classes."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True, slots=True)
class Samples:
    """Scored tiles, slides or patients.

    Attributes:
        classes: class names; the class numbers below are places in it.
        patient: (samples,) int64, the row of each sample's patient among those of the bootstrap draws.
        true, predicted: (samples,) int64, class numbers.
        scores: (samples, classes) float; each row adds up to 1.
    """

    classes: tuple[str, ...]
    patient: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.true)

    def take(self, chosen: np.ndarray) -> "Samples":
        """Those that `chosen`, (samples,) bool, marks."""
        return Samples(
            self.classes, self.patient[chosen], self.true[chosen], self.predicted[chosen], self.scores[chosen]
        )

    @classmethod
    def joined(cls, parts: Sequence["Samples"]) -> "Samples":
        """Several one after the other; at least one, all with the same classes."""
        return cls(
            parts[0].classes,
            np.concatenate([part.patient for part in parts]),
            np.concatenate([part.true for part in parts]),
            np.concatenate([part.predicted for part in parts]),
            np.concatenate([part.scores for part in parts]),
        )

    def is_true(self, place: int) -> np.ndarray:
        """(samples,) bool: whether the true class is the one at this place."""
        return self.true == place


def sums_by_patient(values: np.ndarray, patient: np.ndarray, patients: int) -> np.ndarray:
    """Sum (samples,) values of each patient: (patients,) float64."""
    return np.bincount(patient, weights=values, minlength=patients)


def integers(numbers: Sequence[int]) -> np.ndarray:
    """(n,) int64, also of nothing."""
    return np.array(numbers, dtype=np.int64).reshape(-1)
