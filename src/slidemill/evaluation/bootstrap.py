"""Random weights of units (patients, or sites), for the bands of curves.

The Bayesian bootstrap: a draw gives every unit a weight, and all of its samples with it. Unlike drawing with
replacement it leaves no unit out, so no class is ever lost. A statistic of a draw is that of all samples with these
weights: all draws are one product of matrices.

Source: Rubin 1981, Annals of Statistics 9:130.
"""

import numpy as np

from slidemill.seeds import generator

DRAWS = 1000


def unit_weights(units: int, seed: int, draws: int = DRAWS) -> np.ndarray:
    """Draw the weights.

    Args:
        units: how many there are; they have to come in a fixed order, such as that of their names.
        seed: the config's seed; the same seed gives the same weights.
        draws: number of draws.
    Returns:
        (draws, units) float64, above 0, of mean 1 in each draw.
    """
    weights = generator(seed, "bootstrap").standard_exponential((draws, units))
    return weights / weights.mean(axis=1, keepdims=True) if units else weights
