"""A slide as tiles of a pyramid: those of its file where they fit, further and smaller ones by its reader."""

import math
from dataclasses import dataclass

import numpy as np
import simplejpeg

from slidemill.slides import SlideReader, read_square
from slidemill.slides.stored_tiles import StoredTiles
from slidemill.units import SlidePixels, TilePixels

_TILE_PX = 512  # of pyramids that are not the file's
_SMALLEST_STORED, _LARGEST_STORED = 128, 1024
QUALITY = 90


@dataclass(frozen=True, slots=True)
class PyramidLevel:
    """One level.

    Attributes:
        width, height: in pixels of the level.
        downsample: level-0 pixels along the side of one of its pixels.
        columns, rows: number of tiles; the last ones reach beyond the level.
    """

    width: int
    height: int
    downsample: float
    columns: int
    rows: int


class Pyramid:
    """The levels of an open slide, finest first; for any number of threads.

    All tiles have the same size, also at the edges, where what lies beyond the level is no part of the slide.

    Args:
        reader: of the slide.
    """

    def __init__(self, reader: SlideReader) -> None:
        self._reader = reader
        self._stored = _fitting(reader.stored_tiles)
        self.tile_size = self._stored.levels[0].tile_width if self._stored else _TILE_PX
        self.levels = (*self._own_levels(), *self._upper_levels())

    def is_stored(self, level: int) -> bool:
        """Whether a level is one of the file's."""
        return self._stored is not None and level < len(self._stored.levels)

    def jpeg(self, level: int, column: int, row: int) -> bytes:
        """A tile as JPEG, with the coefficients of the file where it has any.

        Raises:
            UnreadableSlideError: the slide cannot be read there.
            IndexError: there is no such tile.
        """
        if not (0 <= level < len(self.levels)):
            raise IndexError(level)
        shape = self.levels[level]
        if not (0 <= column < shape.columns and 0 <= row < shape.rows):
            raise IndexError(column, row)
        if self._stored is None or level >= len(self._stored.levels):
            return encoded(self._read(shape, column, row))
        index = row * shape.columns + column
        as_it_stands = self._stored.jpeg(level, index)
        return encoded(self._stored.pixels(level, index)) if as_it_stands is None else as_it_stands

    def _read(self, level: PyramidLevel, column: int, row: int) -> np.ndarray:
        extent = round(self.tile_size * level.downsample)
        corner = SlidePixels(column * extent), SlidePixels(row * extent)
        return read_square(self._reader, *corner, extent=SlidePixels(extent), size=TilePixels(self.tile_size))

    def _own_levels(self) -> list[PyramidLevel]:
        if self._stored is None:
            return [self._level(factor) for factor in sorted({max(1, round(d)) for d in self._reader.downsamples})]
        return [
            PyramidLevel(level.width, level.height, level.downsample, level.columns, level.rows)
            for level in self._stored.levels
        ]

    def _upper_levels(self) -> list[PyramidLevel]:
        """Each half of the one before, from the smallest that the file has to one of a single tile."""
        last = self._own_levels()[-1]
        levels = []
        factor = round(last.downsample)
        while last.columns * last.rows > 1:
            factor *= 2
            last = self._level(factor)
            levels.append(last)
        return levels

    def _level(self, factor: int) -> PyramidLevel:
        properties = self._reader.properties
        width, height = (math.ceil(side / factor) for side in (properties.width, properties.height))
        columns, rows = (math.ceil(side / self.tile_size) for side in (width, height))
        return PyramidLevel(width, height, float(factor), columns, rows)


def encoded(pixels: np.ndarray) -> bytes:
    """Pixels, (height, width, 3) uint8 RGB, as JPEG."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=QUALITY, colorsubsampling="444"))


def _fitting(stored: StoredTiles | None) -> StoredTiles | None:
    """The tiles of the file, if they are squares of one size that browsers show well."""
    if stored is None:
        return None
    sides = {side for level in stored.levels for side in (level.tile_width, level.tile_height)}
    return stored if len(sides) == 1 and _SMALLEST_STORED <= max(sides) <= _LARGEST_STORED else None
