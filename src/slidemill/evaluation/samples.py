"""What is evaluated, as arrays: tiles, slides or patients with their true and predicted classes."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, slots=True)
class Samples:
    """Scored tiles, slides or patients.

    Attributes:
        classes: class names; the class numbers below are places in it.
        unit: (samples,) int64, the number of each sample's unit, the patient (or site) that is tested as a whole.
        true, predicted: (samples,) int64, class numbers.
        scores: (samples, classes) float; each row adds up to 1.
        unit_name: what a unit is, "patient" or "site".
        is_ordered: whether classes are grades, from the lowest to the highest.
    """

    classes: tuple[str, ...]
    unit: np.ndarray
    true: np.ndarray
    predicted: np.ndarray
    scores: np.ndarray
    unit_name: str = "patient"
    is_ordered: bool = False

    def __len__(self) -> int:
        return len(self.true)

    def take(self, chosen: np.ndarray) -> "Samples":
        """Those that `chosen`, (samples,) bool, marks."""
        return replace(
            self,
            unit=self.unit[chosen],
            true=self.true[chosen],
            predicted=self.predicted[chosen],
            scores=self.scores[chosen],
        )

    def renumbered(self) -> "Samples":
        """The same with units numbered from 0, none of them without samples."""
        numbers = np.unique(self.unit, return_inverse=True)[1].reshape(-1)
        return replace(self, unit=numbers)

    @property
    def units(self) -> int:
        """How many units there are."""
        return int(1 + self.unit.max(initial=-1))

    @staticmethod
    def joined(parts: Sequence["Samples"]) -> "Samples":
        """Several one after the other; at least one, all with the same classes."""
        return replace(
            parts[0],
            unit=np.concatenate([part.unit for part in parts]),
            true=np.concatenate([part.true for part in parts]),
            predicted=np.concatenate([part.predicted for part in parts]),
            scores=np.concatenate([part.scores for part in parts]),
        )

    def is_true(self, place: int) -> np.ndarray:
        """(samples,) bool: whether the true class is the one at this place."""
        return self.true == place


def integers(numbers: Sequence[int]) -> np.ndarray:
    """(n,) int64, also of nothing."""
    return np.array(numbers, dtype=np.int64).reshape(-1)
