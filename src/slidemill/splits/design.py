"""How a cohort is to be split."""

from dataclasses import dataclass
from typing import Literal

from slidemill.errors import SlidemillError
from slidemill.splits.table import SPLITS, Split

GroupBy = Literal["patient", "site"]


class SplitError(SlidemillError):
    """A cohort that cannot be split as asked, or a split that went wrong."""


@dataclass(frozen=True, slots=True)
class SplitFractions:
    """Shares of the patients; they add up to 1."""

    train: float
    validation: float
    test: float

    def __post_init__(self) -> None:
        if abs(sum(self.in_order()) - 1.0) > 1e-6:
            raise SplitError(f"split fractions {self.in_order()} do not add up to 1. Correct them.")

    def in_order(self) -> tuple[float, float, float]:
        """The shares in the order of `SPLITS`."""
        return (self.train, self.validation, self.test)


@dataclass(frozen=True, slots=True)
class Fold:
    """One fold of a cross-validation: the patients are dealt into `count` equal parts.

    Part `number` is the test split, the next one (the first after the last) validation, all others train; so each
    patient is in the test split of exactly one fold.
    """

    number: int
    count: int

    def __post_init__(self) -> None:
        if self.count < 3 or not 0 <= self.number < self.count:
            raise SplitError(f"fold {self.number} of {self.count}: expected 3 folds or more, counted from 0.")

    def split_of(self, part: int) -> Split:
        """The split of a part."""
        if part == self.number:
            return "test"
        return "validation" if part == (self.number + 1) % self.count else "train"


@dataclass(frozen=True, slots=True)
class SplitDesign:
    """All that decides about a split, besides the cohort and the seed.

    Attributes:
        sizes: shares of the three splits, or a fold of a cross-validation.
        group_by: what is never divided: a patient, or a tissue source site with all its patients.
    """

    sizes: SplitFractions | Fold
    group_by: GroupBy = "patient"

    def shares(self) -> tuple[float, ...]:
        """Shares of the parts into which patients or sites are dealt."""
        if isinstance(self.sizes, Fold):
            return (1 / self.sizes.count,) * self.sizes.count
        return self.sizes.in_order()

    def split_of(self, part: int) -> Split:
        """The split to which a part belongs."""
        return self.sizes.split_of(part) if isinstance(self.sizes, Fold) else SPLITS[part]

    def splits(self) -> list[Split]:
        """The splits that get slides."""
        if isinstance(self.sizes, Fold):
            return list(SPLITS)
        return [split for split, share in zip(SPLITS, self.sizes.in_order(), strict=True) if share > 0]
