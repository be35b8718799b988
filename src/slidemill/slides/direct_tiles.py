"""The tiles of a TIFF slide's levels: their bytes, and their pixels."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slidemill.slides.reader import DamagedPixelsError, UnreadableSlideError
from slidemill.slides.segments import read_segments
from slidemill.slides.stored_tiles import StoredLevel
from slidemill.slides.tiff_file import DamagedTiffError, TiffFile
from slidemill.slides.tiff_slide import Level
from slidemill.slides.tile_codecs import TILE_ERRORS

_WHITE = 255


class DirectTiles:
    """Reads and decodes the tiles of an open file; for any number of threads.

    Args:
        path: of the file, for errors.
        file: the same, open.
        levels: its pyramid, finest level first.
    """

    def __init__(self, path: Path, file: TiffFile, levels: Sequence[Level]) -> None:
        self._path = path
        self._file = file
        self._levels = levels

    @property
    def levels(self) -> tuple[StoredLevel, ...]:
        """See `StoredTiles`."""
        return tuple(
            StoredLevel(
                width=level.width,
                height=level.height,
                tile_width=level.tile_width,
                tile_height=level.tile_height,
                columns=level.columns,
                rows=level.rows,
                downsample=level.downsample,
            )
            for level in self._levels
        )

    def jpeg(self, level: int, index: int) -> bytes | None:
        """See `StoredTiles`."""
        own = self._levels[level]
        segment = self.segments(own, [index]).get(index)
        if segment is None:
            return None
        try:
            return own.decoder.as_jpeg(segment)
        except TILE_ERRORS as error:
            raise DamagedPixelsError(self._path, str(error)) from error

    def pixels(self, level: int, index: int) -> np.ndarray:
        """See `StoredTiles`."""
        own = self._levels[level]
        segment = self.segments(own, [index]).get(index)
        if segment is None:
            return np.full((own.tile_height, own.tile_width, 3), _WHITE, np.uint8)
        return self.decode(own, segment, scale=1)

    def segments(self, level: Level, indices: list[int]) -> dict[int, memoryview]:
        """The bytes of tiles; those that the file leaves out are missing.

        Raises:
            UnreadableSlideError: the file cannot be read.
        """
        try:
            return read_segments(self._file, level.offsets, level.counts, indices)
        except (DamagedTiffError, OSError) as error:
            raise UnreadableSlideError(self._path, str(error)) from error

    def decode(self, level: Level, segment: memoryview, *, scale: int, buffer: np.ndarray | None = None) -> np.ndarray:
        """The pixels of a tile, as its decoder gives them.

        Raises:
            DamagedPixelsError: the tile is damaged.
        """
        try:
            return level.decoder.decode(segment, scale=scale, buffer=buffer)
        except TILE_ERRORS as error:
            raise DamagedPixelsError(self._path, str(error)) from error
