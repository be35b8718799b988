"""Intervals by drawing patients again, with replacement.

Slides of one patient resemble each other, so patients are drawn and bring all of their slides. Patients are drawn
within strata (their classes), so that no draw loses a class, and the same draws serve every metric of a run. A
statistic of a draw is the statistic of all samples, each weighted by how often its patient was drawn: all draws are one
product of matrices.

Source: Efron and Tibshirani 1993, An Introduction to the Bootstrap, chapter 13 (percentile interval); clusters as in
Field and Welsh 2007, J R Stat Soc B 69:369; strata as in Davison and Hinkley 1997, Bootstrap Methods, section 3.2.
"""

from collections import Counter
from collections.abc import Sequence

import numpy as np

from slidemill.seeds import generator

DRAWS = 2000
CONFIDENCE = 0.95


def patient_draws(strata: Sequence[str], seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw patients with replacement, as many of each stratum as there are.

    A stratum of one patient would come once in every draw, as if it were certain; it joins the largest stratum.

    Args:
        strata: of each patient; the patients have to come in a fixed order, such as that of their ids.
        seed: the config's seed; the same seed and strata give the same draws.
        draws: number of draws.
    Returns:
        (draws, patients) float64: how often each patient was drawn.
    """
    counts = np.zeros((draws, len(strata)))
    random = generator(seed, "bootstrap")
    for members in _stratum_members(strata):
        chances = np.full(len(members), 1 / len(members))
        counts[:, members] = random.multinomial(len(members), chances, size=draws)
    return counts


def percentile_interval(statistics: np.ndarray) -> list[float] | None:
    """The middle 95% of the draws.

    Args:
        statistics: (draws,) float; NaN draws, in which the statistic cannot be computed, are left out.
    Returns:
        [lower, upper], or None where no interval can be given: there is no draw left, or all draws agree. They agree
        when there is one patient, or when no slide is wrong: an interval without width would claim a certainty that
        resampling cannot show.
    """
    computable = statistics[np.isfinite(statistics)]
    # A sum of weights in another order differs in its last bits; that is no width.
    if not len(computable) or np.ptp(computable) < 1e-12:
        return None
    tail = (1 - CONFIDENCE) / 2
    lower, upper = np.quantile(computable, [tail, 1 - tail])
    return [float(lower), float(upper)]


def _stratum_members(strata: Sequence[str]) -> list[np.ndarray]:
    sizes = Counter(strata)
    largest = min(sizes, key=lambda name: (-sizes[name], name), default="")
    joined = np.array([name if sizes[name] > 1 else largest for name in strata], dtype=np.str_)
    return [np.flatnonzero(joined == name) for name in sorted(set(joined.tolist()))]
