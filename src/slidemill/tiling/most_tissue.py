"""The tiles of a slide with most tissue, for models that look at so many tiles of each slide."""

import numpy as np


def most_tissue(tissue_fraction: np.ndarray, is_used: np.ndarray, count: int) -> np.ndarray:
    """Choose tiles by their tissue: (tiles,) bool.

    In large pieces many tiles are tissue all over. Of those that have equally much, and of which not all are taken,
    every so many-th is, in the order of the store: they lie spread over the slide and not at its top. So the choice
    follows from the slide alone, and is the same in training and for scores.

    Args:
        tissue_fraction: (tiles,), share of each tile's area that is tissue.
        is_used: (tiles,) bool, which of them there are to choose from.
        count: how many; where there are fewer, all are chosen.
    """
    used = np.flatnonzero(is_used)
    chosen = np.zeros(len(is_used), np.bool_)
    if len(used) <= count:
        chosen[used] = True
        return chosen
    tissue = tissue_fraction[used]
    least = np.partition(tissue, -count)[-count]
    more, equal = used[tissue > least], used[tissue == least]
    left = count - len(more)
    chosen[more] = True
    chosen[equal[(2 * np.arange(left) + 1) * len(equal) // (2 * left)]] = True
    return chosen
