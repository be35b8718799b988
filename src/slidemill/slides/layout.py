"""Where output tiles lie over the source tiles of a level."""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from slidemill.slides.resample import resampling_margin

_SLACK = 1e-6  # of a pixel; what floating point arithmetic may add
SAME_SIDE = 1e-6  # of a pixel; sides that differ by less are equal


class Square(NamedTuple):
    """An output tile: its number, the decoded pixels that it touches, and the source tiles that these are in."""

    number: int
    left: int
    top: int
    right: int
    bottom: int
    first_column: int
    first_row: int
    end_column: int
    end_row: int


class Part(NamedTuple):
    """What a square takes of one source tile, counted in rows and columns of tiles from the square's first one."""

    row: int
    column: int
    target: tuple[slice, slice]  # in the square
    origin: tuple[slice, slice]  # in the source tile


class Layout:
    """Output tiles over the source tiles of a decoded level; all lengths are in decoded pixels.

    Args:
        corners: (tiles, 2) float, x and y of the top left corners.
        sides: (2,) float, of the output tiles on the level, along x and y.
        size: of the output tiles when they are resampled.
        tile_shape: height and width of source tiles.
        grid_shape: rows and columns of source tiles.
        limits: height and width of the level; the last source tiles may reach beyond.
    """

    def __init__(
        self,
        corners: np.ndarray,
        sides: np.ndarray,
        size: int,
        *,
        tile_shape: tuple[int, int],
        grid_shape: tuple[int, int],
        limits: tuple[int, int],
    ) -> None:
        self._tile_shape = tile_shape
        self._grid_shape = grid_shape
        self._limits = limits
        self._squares = self._find_squares(corners, sides, size)
        self._parts: dict[tuple[int, int, int, int], list[Part]] = {}

    def batches(self, most: int) -> Iterator[list[Square]]:
        """Neighbours in a row, at most so many at a time."""
        tops = self._squares[:, 1]
        breaks = np.flatnonzero(np.diff(tops, prepend=-1, append=-1)).tolist()
        for start, end in pairwise(breaks):
            for first in range(start, end, most):
                last = min(first + most, end)
                places = self._squares[first:last].tolist()
                yield [Square(number, *place) for number, place in enumerate(places, first)]

    def uses(self) -> np.ndarray:
        """(source tiles,) int32, how many output tiles take a part of each."""
        rows, columns = self._grid_shape
        # At the corners of each rectangle of source tiles, so that sums along both sides count the rectangles.
        changes = np.zeros((rows + 1, columns + 1), np.int32)
        first_column, first_row, end_column, end_row = self._squares[:, 4:].T
        np.add.at(changes, (first_row, first_column), 1)
        np.add.at(changes, (end_row, end_column), 1)
        np.add.at(changes, (first_row, end_column), -1)
        np.add.at(changes, (end_row, first_column), -1)
        return np.cumsum(np.cumsum(changes, axis=0), axis=1)[:-1, :-1].ravel()

    def reaches_out(self, square: Square) -> bool:
        """Whether a part of a square lies outside of the level."""
        height, width = self._limits
        return square.right > width or square.bottom > height or square.left < 0 or square.top < 0

    def parts(self, square: Square) -> list[Part]:
        """What a square takes of each source tile. Most squares of a slide lie alike over their source tiles."""
        height, width = self._tile_shape
        top, left = square.top - square.first_row * height, square.left - square.first_column * width
        rows = min(square.bottom, self._limits[0]) - square.top
        columns = min(square.right, self._limits[1]) - square.left
        known = self._parts.get((top, left, rows, columns))
        if known is None:
            known = self._parts[top, left, rows, columns] = [
                Part(row, column, (target_y, target_x), (origin_y, origin_x))
                for row, target_y, origin_y in _overlaps(top, rows, height)
                for column, target_x, origin_x in _overlaps(left, columns, width)
            ]
        return known

    def _find_squares(self, corners: np.ndarray, sides: np.ndarray, size: int) -> np.ndarray:
        """(tiles, 8) int64, what a `Square` holds after its number."""
        tile, most, limits = (np.array(shape[::-1]) for shape in (self._tile_shape, self._grid_shape, self._limits))
        starts = np.floor(corners + _SLACK).astype(np.int64)
        ends = np.ceil(corners + sides - _SLACK).astype(np.int64)
        # Pixels beside a tile that is resampled weigh as they would without a border: no seam between neighbours.
        is_same = (ends - starts == size).all(axis=1) & (np.abs(sides - size) < SAME_SIDE).all()
        margin = np.where(is_same, 0, resampling_margin(sides.max(), size))[:, None]
        starts = np.where(starts >= 0, np.maximum(starts - margin, 0), starts)
        ends = np.where(ends <= limits, np.minimum(ends + margin, limits), ends)
        first = np.clip(starts // tile, 0, most)
        end = np.clip(-(-ends // tile), 0, most)
        return np.concatenate([starts, ends, first, end], axis=1)


def _overlaps(start: int, length: int, tile: int) -> Iterator[tuple[int, slice, slice]]:
    """The tiles that a stretch along a side meets, of which the first begins at 0: number, part of stretch, of tile.

    The stretch may begin before the first tile.
    """
    for number in range(-(-(start + length) // tile)):
        first, last = max(start, number * tile), min(start + length, (number + 1) * tile)
        yield number, slice(first - start, last - start), slice(first - number * tile, last - number * tile)
