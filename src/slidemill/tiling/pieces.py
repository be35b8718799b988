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
    runs = _Runs(mask)
    return runs.drawn(runs.sums(runs.ends - runs.starts) >= smallest)


def pieces_by_share(mask: np.ndarray, *, looked_at: np.ndarray, found: np.ndarray, share: float) -> np.ndarray:
    """The pieces of a mask of which a share of the pixels that are looked at has something.

    A piece of which no pixel is looked at is not among them.

    Args:
        mask: (height, width) bool.
        looked_at: (height, width) bool.
        found: (height, width) bool, which pixels have it.
        share: the least share.

    Returns:
        (height, width) bool.
    """
    runs = _Runs(mask)
    looked = runs.sums(runs.counts(looked_at))
    return runs.drawn((looked > 0) & (runs.sums(runs.counts(looked_at & found)) >= share * looked))


class _Runs:
    """The runs of pixels in the rows of a mask, each of a piece."""

    def __init__(self, mask: np.ndarray) -> None:
        self._height, self._width = mask.shape
        self._stride = self._width + 1  # with a column of nothing no run goes on into the next row
        line = np.zeros(self._height * self._stride + 1, np.int8)
        self._rows_of(line[1:])[...] = mask
        edges = np.flatnonzero(line[1:] != line[:-1])
        self.starts, self.ends = edges[0::2], edges[1::2]
        self._pieces = _joined(len(self.starts), *_neighbours(self.starts, self.ends, self._stride))

    def counts(self, mask: np.ndarray) -> np.ndarray:
        """Number of pixels of another mask in each run."""
        line = np.zeros(self._height * self._stride + 1, np.int64)
        self._rows_of(line[1:])[...] = mask
        before = np.cumsum(line)
        return np.asarray(before[self.ends] - before[self.starts])

    def sums(self, values: np.ndarray) -> np.ndarray:
        """For each run, the sum over its piece of a value of each run."""
        return np.bincount(self._pieces, weights=values, minlength=len(self.starts))[self._pieces]

    def drawn(self, kept: np.ndarray) -> np.ndarray:
        """The mask of some of the runs."""
        steps = np.zeros(self._height * self._stride + 1, np.int8)
        steps[self.starts[kept]] = 1
        steps[self.ends[kept]] -= 1
        return self._rows_of(np.cumsum(steps[:-1], dtype=np.int8).astype(np.bool_))

    def _rows_of(self, line: np.ndarray) -> np.ndarray:
        return line.reshape(self._height, self._stride)[:, : self._width]


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
