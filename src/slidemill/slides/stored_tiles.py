"""The tiles of a slide as they stand in its file, for who shows the slide and need not decode what a browser can."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np


@dataclass(frozen=True, slots=True)
class StoredLevel:
    """One image of the pyramid.

    Attributes:
        width, height: in pixels of the level.
        tile_width, tile_height: of its tiles; the last ones reach beyond the level.
        columns, rows: number of tiles along each side.
        downsample: level-0 pixels along the side of one of its pixels.
    """

    width: int
    height: int
    tile_width: int
    tile_height: int
    columns: int
    rows: int
    downsample: float


class StoredTiles(Protocol):
    """The tiles of all levels, finest level first. All methods may be called from many threads."""

    @property
    def levels(self) -> tuple[StoredLevel, ...]:
        """The pyramid."""
        ...

    def jpeg(self, level: int, index: int) -> bytes | None:
        """A tile as a complete JPEG file: the tables that it shares with others are joined, no coefficient is touched.

        Args:
            level: its place in `levels`.
            index: of the tile, row by row.

        Returns:
            None where the file has no JPEG there.

        Raises:
            UnreadableSlideError: the file cannot be read, or the tile is damaged.
        """
        ...

    def pixels(self, level: int, index: int) -> np.ndarray:
        """A tile, decoded: (tile_height, tile_width, 3) uint8 RGB, white where the file leaves it out.

        Raises:
            UnreadableSlideError: the file cannot be read, or the tile is damaged.
        """
        ...
