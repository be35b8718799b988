"""How much a number depends on which patients were tested: the number once more without each of them.

Slides and tiles of a patient resemble each other, so what is left out is a patient with all of its samples (or a site
with all of its patients, where splits are by site): the *unit*. From the numbers without each unit follow the variance
of the number and how well that variance is known. Nothing is drawn, so no class is lost by chance.

Source: Miller 1974, Biometrika 61:1; for the AUC this is, up to terms of 1/units, the variance of Obuchowski 1997,
Biometrics 53:567, which without clusters is that of DeLong et al. 1988, Biometrics 44:837. Degrees of freedom:
Satterthwaite 1946, Biometrics Bulletin 2:110, with the fourth moment of the units' influences.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.evaluation.ranking import Ranking, capped_levels

# Numbers that differ in their last bits only, because sums were taken in another order, do not differ.
_NO_VARIANCE = 1e-20
_UNITS_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Jackknife:
    """A number, and the same number without each unit.

    Attributes:
        value: of all samples; NaN where it is not computable.
        without: (units,) float64; NaN for a unit without which it is not computable.
    """

    value: float
    without: np.ndarray

    @classmethod
    def mean(cls, parts: Sequence["Jackknife"]) -> "Jackknife":
        """The mean of several numbers of the same units."""
        return cls(float(np.mean([part.value for part in parts])), np.mean([part.without for part in parts], axis=0))

    def minus(self, other: "Jackknife") -> "Jackknife":
        """The difference to another number of the same units."""
        return Jackknife(self.value - other.value, self.without - other.without)

    @property
    def units(self) -> int:
        """How many units there are."""
        return len(self.without)

    @property
    def tells_variance(self) -> bool:
        """Whether units make a difference, and the number exists without any of them."""
        return bool(self.units > 1 and np.isfinite(self.without).all() and self.variance > 0)

    @property
    def variance(self) -> float:
        """Variance of the value; 0 where no unit makes a difference, or where it does not exist without one of them."""
        variance = float((self._influences() ** 2).sum() / (self.units * (self.units - 1)))
        return variance if variance > _NO_VARIANCE else 0.0

    def freedom(self, kurtosis: float = 3.0) -> float:
        """Degrees of freedom of the variance: units - 1, or fewer where few units decide it; at least 1.

        Args:
            kurtosis: of the influences of units, where all of them are alike; 3 for normal ones. A smaller number
                allows for units that happened not to be there and would have decided more.
        """
        squares = self._influences() ** 2
        fourth = float((squares**2).sum())
        if fourth <= _NO_VARIANCE**2:
            return self.units - 1.0
        return float(np.clip(kurtosis * squares.sum() ** 2 / fourth, 1, self.units - 1))

    def _influences(self) -> np.ndarray:
        return (self.units - 1) * (self.without.mean() - self.without)


def jackknife_matrix(matrices: np.ndarray, metric: Callable[[np.ndarray], np.ndarray]) -> Jackknife:
    """Of a metric of the confusion matrix.

    Args:
        matrices: (units, classes, classes), the matrix of each unit.
        metric: from (..., classes, classes) to (...).
    """
    total = matrices.sum(axis=0)
    return Jackknife(float(metric(total)), np.asarray(metric(total - matrices), np.float64))


def jackknife_mean(values: np.ndarray, unit: np.ndarray, units: int, among: np.ndarray | None = None) -> Jackknife:
    """Of the mean of (samples,) values, or of those that `among`, (samples,) bool, marks."""
    counted = np.ones(len(values)) if among is None else among.astype(np.float64)
    sums, counts = (np.bincount(unit, weights=part, minlength=units) for part in (values * counted, counted))
    with np.errstate(invalid="ignore"):
        return Jackknife(float(sums.sum() / counts.sum()), (sums.sum() - sums) / (counts.sum() - counts))


def jackknife_auc(is_positive: np.ndarray, scores: np.ndarray, unit: np.ndarray, units: int) -> Jackknife:
    """Of the area under the ROC curve, exact for any number of samples, in the time of sorting.

    The area is the share of pairs of a positive and a negative that the positive wins. Without a unit, the pairs of its
    positives are lost and those of its negatives; pairs within it were then subtracted twice.
    """
    _, level = np.unique(scores, return_inverse=True)
    won, lost = _won_pairs(is_positive, level), _won_pairs(~is_positive, -level)
    _, cell = np.unique(unit * (1 + level.max(initial=0)) + level, return_inverse=True)
    within = _won_pairs(is_positive, cell) - _negatives_of_units_before(is_positive, unit, units)
    positive, negative = is_positive.astype(np.float64), (~is_positive).astype(np.float64)

    def of_units(values: np.ndarray) -> np.ndarray:
        return np.bincount(unit, weights=values, minlength=units)

    positives, negatives = of_units(positive), of_units(negative)
    all_won = float((won * positive).sum())
    without = all_won - of_units(won * positive) - of_units(lost * negative) + of_units(within * positive)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = all_won / (positives.sum() * negatives.sum())
        pairs = (positives.sum() - positives) * (negatives.sum() - negatives)
        return Jackknife(float(value), np.where(pairs > 0, without / pairs, np.nan))


def jackknife_average_precision(is_positive: np.ndarray, scores: np.ndarray, unit: np.ndarray, units: int) -> Jackknife:
    """Of the average precision; beyond `ranking.MAX_LEVELS` scores, those without a unit are counted on quantiles."""
    value = Ranking.of(is_positive, scores).average_precision()[0]
    levels, count = capped_levels(scores)
    totals = [np.bincount(levels[chosen], minlength=count) for chosen in (is_positive, ~is_positive)]
    order = np.argsort(unit, kind="stable")
    ends = np.searchsorted(unit[order], np.arange(units + 1))
    without = []
    for first in range(0, units, _UNITS_AT_ONCE):
        last = min(first + _UNITS_AT_ONCE, units)
        own = order[ends[first] : ends[last]]
        cells = (unit[own] - first) * count + levels[own]
        left = [
            total - np.bincount(cells[chosen], minlength=(last - first) * count).reshape(-1, count)
            for total, chosen in zip(totals, (is_positive[own], ~is_positive[own]), strict=True)
        ]
        without.append(Ranking(*(part.astype(np.float64) for part in left)).average_precision())
    return Jackknife(float(value), np.concatenate([np.zeros(0), *without]))


def _won_pairs(is_positive: np.ndarray, level: np.ndarray) -> np.ndarray:
    """How many negatives each sample lies above, those on its own level counted half: (samples,)."""
    level = level - level.min(initial=0)
    negatives = np.bincount(level[~is_positive], minlength=1 + level.max(initial=0))
    return (np.cumsum(negatives) - negatives / 2)[level]


def _negatives_of_units_before(is_positive: np.ndarray, unit: np.ndarray, units: int) -> np.ndarray:
    counts = np.bincount(unit[~is_positive], minlength=units)
    return (np.cumsum(counts) - counts)[unit]
