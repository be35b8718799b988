"""Connected pieces of a mask.

scipy.ndimage.label would do, but importing scipy.ndimage takes 0.16 s of CPU, as long as all other imports of a tiling
job together and as cutting 80 tiles; the job of every slide would pay it. Here pieces are joined from the runs of their
rows; the tests compare the two.
"""

import numpy as np


def large_pieces(mask: np.ndarray, smallest: float) -> np.ndarray:
    """The pieces of a mask that have at least `smallest` pixels; pixels that touch by an edge are of one piece.

    Args:
        mask: (height, width) bool.
        smallest: number of pixels.

    Returns:
        (height, width) bool.
    """
    height, width = mask.shape
    stride = width + 1  # with a column of nothing no run goes on into the next row
    line = np.zeros(height * stride + 1, np.int8)
    line[1:].reshape(height, stride)[:, :width] = mask
    edges = np.flatnonzero(line[1:] != line[:-1])
    starts, ends = edges[0::2], edges[1::2]
    pieces = _joined(len(starts), *_neighbours(starts, ends, stride))
    sizes = np.bincount(pieces, weights=ends - starts, minlength=len(starts))
    kept = sizes[pieces] >= smallest
    steps = np.zeros(height * stride + 1, np.int8)
    steps[starts[kept]] = 1
    steps[ends[kept]] -= 1
    drawn = np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_)
    return drawn.reshape(height, stride)[:, :width]


def _neighbours(starts: np.ndarray, ends: np.ndarray, stride: int) -> tuple[np.ndarray, np.ndarray]:
    """All pairs of runs that touch: a run, and one of the row below it."""
    first = np.searchsorted(ends - stride, starts, side="right")
    last = np.searchsorted(starts - stride, ends, side="left")
    counts = np.maximum(last - first, 0)
    upper = np.repeat(np.arange(len(starts)), counts)
    within = np.arange(len(upper)) - np.repeat(np.cumsum(counts) - counts, counts)
    return upper, np.repeat(first, counts) + within


def _joined(count: int, upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """For each of `count` runs the smallest run of its piece, from pairs of runs that touch."""
    root = np.arange(count)
    while True:
        one, other = root[upper], root[lower]
        smaller = np.minimum(one, other)
        if np.array_equal(one, other):
            return root
        np.minimum.at(root, one, smaller)
        np.minimum.at(root, other, smaller)
        while not np.array_equal(root, root[root]):
            root = root[root]
