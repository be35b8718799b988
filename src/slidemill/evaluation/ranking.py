"""How well scores rank the samples of a class above the others: ROC and precision-recall curves and their areas.

Samples are counted on levels, the distinct scores in ascending order; a draw weighs the samples of each unit. Where
there are more distinct scores than `MAX_LEVELS` (tiles), draws, and what is left without a unit, are counted on
quantiles of the scores; values themselves are always exact.
"""

from dataclasses import dataclass

import numpy as np

MAX_LEVELS = 2048


@dataclass(frozen=True, slots=True)
class Ranking:
    """Weighted numbers of positive and negative samples on each level, (draws, levels) float64."""

    positives: np.ndarray
    negatives: np.ndarray

    @classmethod
    def of(cls, is_positive: np.ndarray, scores: np.ndarray) -> "Ranking":
        """All samples, each once, as the only draw."""
        levels, count = _exact_levels(scores)
        return cls(
            np.bincount(levels[is_positive], minlength=count)[None].astype(np.float64),
            np.bincount(levels[~is_positive], minlength=count)[None].astype(np.float64),
        )

    @classmethod
    def of_draws(cls, is_positive: np.ndarray, scores: np.ndarray, unit: np.ndarray, draws: np.ndarray) -> "Ranking":
        """Every one of the (draws, units)."""
        levels, count = capped_levels(scores)
        if len(scores) <= MAX_LEVELS:
            return cls(*(_sum_samples(chosen, levels, unit, draws) for chosen in (is_positive, ~is_positive)))
        return cls(*(_sum_units(chosen, levels, count, unit, draws) for chosen in (is_positive, ~is_positive)))

    def auc(self) -> np.ndarray:
        """Area under the ROC curve, ties counted half: (draws,), NaN without positives or without negatives.

        Source: the Mann-Whitney statistic; Hanley and McNeil 1982, Radiology 143:29.
        """
        negatives_below = np.cumsum(self.negatives, axis=1) - self.negatives
        won_pairs = (self.positives * (negatives_below + self.negatives / 2)).sum(axis=1)
        with np.errstate(invalid="ignore"):
            return won_pairs / (self.positives.sum(axis=1) * self.negatives.sum(axis=1))

    def average_precision(self) -> np.ndarray:
        """Precision at each level, weighted by the recall that it adds: (draws,), NaN without positives."""
        true, false = self._at_or_above()
        with np.errstate(invalid="ignore"):
            precision = np.where(true > 0, true / (true + false), 0)
            return (self.positives[:, ::-1] * precision).sum(axis=1) / self.positives.sum(axis=1)

    def rates(self) -> tuple[np.ndarray, np.ndarray]:
        """False and true positive rates, from none called positive to all: each (draws, levels + 1)."""
        true, false = (np.pad(counts, ((0, 0), (1, 0))) for counts in self._at_or_above())
        with np.errstate(invalid="ignore"):
            return false / false[:, -1:], true / true[:, -1:]

    def precision_recall(self) -> tuple[np.ndarray, np.ndarray]:
        """Precision and recall at each level from the highest: each (draws, levels); NaN where none is called."""
        true, false = self._at_or_above()
        with np.errstate(invalid="ignore"):
            return true / (true + false), true / true[:, -1:]

    def _at_or_above(self) -> tuple[np.ndarray, np.ndarray]:
        return np.cumsum(self.positives[:, ::-1], axis=1), np.cumsum(self.negatives[:, ::-1], axis=1)


def _sum_samples(chosen: np.ndarray, levels: np.ndarray, unit: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """Add the chosen samples up on their levels in each draw; for few samples, on levels of which none is empty."""
    order = np.argsort(levels, kind="stable")
    starts = np.flatnonzero(np.diff(levels[order], prepend=-1))
    return np.add.reduceat(draws[:, unit[order]] * chosen[order], starts, axis=1)


def _sum_units(chosen: np.ndarray, levels: np.ndarray, count: int, unit: np.ndarray, draws: np.ndarray) -> np.ndarray:
    """The same for any number of samples: add them up for each unit, then units in one product of matrices."""
    units = draws.shape[1]
    cells = unit[chosen] * count + levels[chosen]
    return draws @ np.bincount(cells, minlength=units * count).reshape(units, count)


def _exact_levels(scores: np.ndarray) -> tuple[np.ndarray, int]:
    distinct, levels = np.unique(scores, return_inverse=True)
    return levels, len(distinct)


def capped_levels(scores: np.ndarray) -> tuple[np.ndarray, int]:
    """The level of each of the (samples,) scores, and how many levels there are, at most `MAX_LEVELS`."""
    levels, count = _exact_levels(scores)
    if count <= MAX_LEVELS:
        return levels, count
    edges = np.unique(np.quantile(levels, np.linspace(0, 1, MAX_LEVELS + 1)[1:-1], method="nearest"))
    return np.searchsorted(edges, levels), len(edges) + 1
