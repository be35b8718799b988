"""95% intervals from a number and its jackknife over units (patients or sites).

Proportions and metrics of the confusion matrix: the score interval of Wilson 1927, J Am Stat Assoc 22:209, for the
number of independent trials that has the same variance (the effective number), with a quantile of Student's t: as for
proportions of surveys, Korn and Graubard 1998, Survey Methodology 24:193; Franco et al. 2019, J Surv Stat Methodol
7:334. Areas and mean losses: Student's t on the scale on which they are not bounded (logit, logarithm), as Pepe 2003,
The Statistical Evaluation of Medical Tests, chapter 5, for the AUC, with Satterthwaite's degrees of freedom.

Where units tell no variance, because all agree (all right, all wrong, a perfect AUC) or a class has a single one, each
unit counts as one trial, as if all of its samples said the same: Wilson's interval with that number, and for the AUC
method 5 of Newcombe 2006, Stat Med 25:559. So that few units of a class that happen to lie alike do not pass for
certain, the AUC's interval is then that of method 5 with a design effect where this is the wider one.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy import special

from slidemill.evaluation.jackknife import Jackknife

CONFIDENCE = 0.95
Interval = list[float]


@dataclass(frozen=True, slots=True)
class Range:
    """Between which values a number can lie."""

    lowest: float = 0.0
    highest: float = 1.0

    def share(self, value: float) -> float:
        """Where in the range a value lies, from 0 to 1."""
        return (value - self.lowest) / (self.highest - self.lowest)

    def values(self, shares: tuple[float, float]) -> Interval:
        """The values at two such shares, [lower, upper], kept in the range."""
        return [self.lowest + (self.highest - self.lowest) * min(max(share, 0.0), 1.0) for share in shares]


FROM_0_TO_1 = Range()

# Kurtosis by which degrees of freedom are counted. Normal theory says 3. Chosen by simulation (benchmarks/coverage.py):
# the logit takes away much of what makes areas of few units uncertain, and no scale does that for mean losses.
_OF_AREAS = 4.0
_OF_BOUNDED_LOSSES = 2.0
_OF_LOSSES = 1.5
# A few units of a class may happen to lie alike, far from the others, and then tell too small a variance of the AUC.
# Fewer than so many are not believed to tell less than this share of the variance of as many independent samples.
_ENOUGH_FOR_A_VARIANCE = 10
_LEAST_DESIGN_EFFECT = 0.16


def effective_units(unit: np.ndarray) -> float:
    """How many units of equal size tell as much as these, if all samples of a unit say the same; 0 without samples.

    Args:
        unit: (samples,) the unit of each sample.
    Source: Kish 1965, Survey Sampling.
    """
    sizes = np.bincount(unit).astype(np.float64) if len(unit) else np.zeros(1)
    return float(sizes.sum() ** 2 / (sizes**2).sum()) if sizes.any() else 0.0


def student(freedom: float) -> float:
    """The quantile of Student's t that leaves out 2.5% on each side."""
    return float(special.stdtrit(freedom, (1 + CONFIDENCE) / 2))


def wilson_interval(
    found: Jackknife,
    unanimous: float,
    trials: float = np.inf,
    bounds: Range = FROM_0_TO_1,
    *,
    over_classes: bool = False,
) -> Interval | None:
    """For proportions and for what behaves like them.

    Args:
        found: the number, of at least two units.
        unanimous: effective number of trials where units tell no variance.
        trials: number of samples, which the effective number cannot exceed.
        bounds: between which values the number can lie.
        over_classes: whether it is a mean over classes, in which the few units of a rare class decide.
    """
    share, effective, freedom = bounds.share(found.value), unanimous, found.units - 1.0
    if found.tells_variance:
        freedom = found.freedom() if over_classes else freedom
        variance = found.variance / (bounds.highest - bounds.lowest) ** 2
        effective = min(share * (1 - share) / variance, trials)
    if effective <= 0:
        return None
    return bounds.values(wilson(share, effective, student(freedom)))


def wilson(share: float, trials: float, quantile: float) -> tuple[float, float]:
    """Wilson's score interval of a share of so many trials, for a quantile of the normal or of Student's t."""
    half = quantile**2 / (2 * trials)
    reach = (max(share * (1 - share), 0.0) * 2 * half + half**2) ** 0.5
    return (share + half - reach) / (1 + 2 * half), (share + half + reach) / (1 + 2 * half)


def area_interval(found: Jackknife, unanimous: float) -> Interval | None:
    """For areas under curves; where units tell no variance, Wilson's for the `unanimous` number of trials."""
    return _logit_interval(found, unanimous, FROM_0_TO_1, _OF_AREAS)


def auc_interval(found: Jackknife, positives: float, negatives: float) -> Interval | None:
    """For the area under a ROC curve.

    Args:
        found: the area, of at least two units.
        positives, negatives: effective units with positive samples, and with negative ones.
    """
    if not found.tells_variance:
        return newcombe(found.value, positives, negatives, student(found.units - 1))
    limits = area_interval(found, positives)
    are_apart = positives + negatives <= found.units  # else, as by site, one unit holds both
    if limits is None or not are_apart or min(positives, negatives) >= _ENOUGH_FOR_A_VARIANCE:
        return limits
    design = max(found.variance / _variance_of_auc(found.value, positives, negatives), _LEAST_DESIGN_EFFECT)
    others = newcombe(found.value, positives, negatives, student(found.freedom(_OF_AREAS)), design)
    return [min(limits[0], others[0]), max(limits[1], others[1])]


def loss_interval(found: Jackknife, unanimous: float, bounds: Range) -> Interval | None:
    """For the mean of a loss that lies within bounds; a range without an upper end is taken on the logarithm."""
    if np.isfinite(bounds.highest):
        return _logit_interval(found, unanimous, bounds, _OF_BOUNDED_LOSSES)
    if not found.tells_variance or found.value <= 0:
        return None
    factor = float(np.exp(student(found.freedom(_OF_LOSSES)) * found.variance**0.5 / found.value))
    return [found.value / factor, found.value * factor]


def _logit_interval(found: Jackknife, unanimous: float, bounds: Range, kurtosis: float) -> Interval | None:
    share = bounds.share(found.value)
    if not found.tells_variance or not 0 < share < 1:
        return wilson_interval(found, unanimous, bounds=bounds)
    slope = share * (1 - share) * (bounds.highest - bounds.lowest)
    reach = student(found.freedom(kurtosis)) * found.variance**0.5 / slope
    middle = float(special.logit(share))
    return bounds.values((float(special.expit(middle - reach)), float(special.expit(middle + reach))))


def newcombe(area: float, positives: float, negatives: float, quantile: float, design: float = 1.0) -> Interval:
    """The areas that an observed one does not contradict, with as many independent positives and negatives.

    Args:
        area: the observed one.
        positives, negatives: how many there are.
        quantile: of the normal distribution or of Student's t.
        design: effect of the design: the variance as a multiple of that of independent samples.
    """

    def agrees(other: float) -> bool:
        """Whether the area lies within the quantile of another one."""
        return abs(area - other) <= quantile * (design * _variance_of_auc(other, positives, negatives)) ** 0.5

    return [_last_that(agrees, area, 0.0), _last_that(agrees, area, 1.0)]


def _variance_of_auc(area: float, positives: float, negatives: float) -> float:
    """Of independent samples: Hanley and McNeil 1982, Radiology 143:29, as Newcombe's method 5 takes it."""
    rest = (positives + negatives) / 2 - 1
    pairs = 1 + rest * ((1 - area) / (2 - area) + area / (1 + area))
    return area * (1 - area) * pairs / (positives * negatives)


def _last_that(agrees: Callable[[float], bool], start: float, end: float) -> float:
    """Where on the way from start to end it stops to agree, by halving."""
    for _ in range(60):
        middle = (start + end) / 2
        start, end = (middle, end) if agrees(middle) else (start, middle)
    return start
