"""TIFF slides read by their own tiles: each source tile that is needed is read and decoded once.

OpenSlide composes every region anew on a canvas with an alpha channel, which costs several times the decoding. Here
source tiles go from the decoder into output tiles, at the level and the scale of the decoder (1/2, 1/4, 1/8) that are
nearest to the resolution asked for; only where these do not give it exactly are pixels resampled.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from slidemill.slides.bounds import Bounds
from slidemill.slides.direct_tiles import DirectTiles
from slidemill.slides.jpeg import SCALES, decoding_buffer
from slidemill.slides.layout import SAME_SIDE, Layout, Square
from slidemill.slides.levels import level_for, serving_limit
from slidemill.slides.ordered import map_in_order
from slidemill.slides.reader import (
    DamagedPixelsError,
    ReaderName,
    SlideProperties,
    SlideReader,
    overview_size,
)
from slidemill.slides.resample import Box, resample
from slidemill.slides.shared_tiles import SharedTiles
from slidemill.slides.tiff_file import TiffFile
from slidemill.slides.tiff_slide import Level, TiffSlide
from slidemill.units import SlidePixels, TilePixels

_Result = TypeVar("_Result")

TILES_PER_BATCH = 8  # neighbours in a row: read at once, finished by one thread
_WHITE = 255


@dataclass(frozen=True, slots=True)
class _Source:
    """A level and the scale at which it is decoded."""

    level: Level
    scale: int

    @property
    def downsample(self) -> float:
        """Level-0 pixels along the side of a decoded pixel, the mean of both sides."""
        return self.level.downsample * self.scale

    @property
    def downsamples(self) -> np.ndarray:
        """(2,) float, the same along x and y."""
        return np.array(self.level.downsamples) * self.scale

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of a decoded tile."""
        return self.level.tile_height // self.scale, self.level.tile_width // self.scale

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the decoded level; the last pixels may be cut by its edge."""
        return -(-self.level.height // self.scale), -(-self.level.width // self.scale)


def direct_reader(path: Path, file: TiffFile, slide: TiffSlide) -> SlideReader:
    """A reader of the slide in an open TIFF file."""
    return _DirectReader(path, file, slide)


class _DirectReader:
    def __init__(self, path: Path, file: TiffFile, slide: TiffSlide) -> None:
        self._slide = slide
        self._tiles = DirectTiles(path, file, slide.levels)

    @property
    def name(self) -> ReaderName:
        return "direct"

    @property
    def properties(self) -> SlideProperties:
        return self._slide.properties

    @property
    def downsamples(self) -> tuple[float, ...]:
        return tuple(level.downsample for level in self._slide.levels)

    @property
    def stored_tiles(self) -> DirectTiles:
        return self._tiles

    def overview(
        self,
        max_side: int,
        *,
        threads: int = 1,
        in_bounds: bool = False,  # noqa: ARG002
        damaged: list[Bounds] | None = None,
    ) -> np.ndarray:
        # No kind of file that is read here states bounds.
        width, height = self.properties.width, self.properties.height
        downsample, columns, rows = overview_size(width, height, max_side)
        source = self._source(downsample)
        # Beyond what the decoder can do, rows of tiles are made smaller one by one, so that memory stays small.
        reduction = 1
        while all(side % (2 * reduction) == 0 for side in source.tile_shape):
            if source.downsample * reduction * 2 > downsample:
                break
            reduction *= 2
        rows_of_tiles = range(source.level.rows)
        strips = map_in_order(lambda row: self._strip(source, row, reduction, damaged), rows_of_tiles, threads)
        picture = np.concatenate(list(strips))
        scale_x, scale_y = source.downsamples * reduction
        box = (0, 0, min(width / scale_x, picture.shape[1]), min(height / scale_y, picture.shape[0]))
        return np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BILINEAR, box=box))

    def map_tiles(
        self,
        finish: Callable[[int, np.ndarray], _Result],
        corners: np.ndarray,
        *,
        extent: SlidePixels,
        size: TilePixels,
        threads: int = 1,
        damaged: Callable[[int, np.ndarray], _Result] | None = None,
    ) -> Iterator[_Result]:
        cutter = _Cutter(self._tiles, self._source(extent / size), corners, extent, size)
        for results in map_in_order(lambda batch: cutter.cut(batch, finish, damaged), cutter.batches(), threads):
            yield from results

    def _source(self, downsample: float) -> _Source:
        """The source with fewest pixels that is no coarser than asked for, or hardly."""
        level = self._slide.levels[level_for(self.downsamples, downsample)]
        allowed = serving_limit(downsample)
        return _Source(level, max((s for s in SCALES if level.downsample * s <= allowed), default=1))

    def _strip(self, source: _Source, row: int, reduction: int, damaged: list[Bounds] | None) -> np.ndarray:
        """A row of source tiles side by side."""
        height, width = source.tile_shape
        level = source.level
        strip = np.full((height, level.columns * width, 3), _WHITE, np.uint8)
        first = row * level.columns
        for index, segment in self._tiles.segments(level, list(range(first, first + level.columns))).items():
            left = (index - first) * width
            try:
                strip[:, left : left + width] = self._tiles.decode(source.level, segment, scale=source.scale)
            except DamagedPixelsError:
                if damaged is None:
                    raise
                scale_x, scale_y = source.downsamples
                corner = int(left * scale_x), int(row * height * scale_y)
                damaged.append(Bounds(*corner, int(width * scale_x), int(height * scale_y)))
        rows, columns = source.size
        strip = strip[: rows - row * height, :columns]
        return strip if reduction == 1 else np.asarray(Image.fromarray(strip).reduce(reduction))


class _Cutter:
    """Cuts the output tiles of one call."""

    def __init__(
        self, tiles: DirectTiles, source: _Source, corners: np.ndarray, extent: SlidePixels, size: TilePixels
    ) -> None:
        self._tiles = tiles
        self._source = source
        self._tile_shape = source.tile_shape
        self._size = size
        self._sides = extent / source.downsamples  # of an output tile, in decoded pixels
        self._is_resampled = bool((np.abs(self._sides - size) >= SAME_SIDE).any())
        self._corners = corners / source.downsamples
        self._layout = Layout(
            self._corners,
            self._sides,
            size,
            tile_shape=source.tile_shape,
            grid_shape=(source.level.rows, source.level.columns),
            limits=source.size,
        )
        self._shared = SharedTiles(np.where(source.level.counts > 0, self._layout.uses(), 0))
        self._scratch = threading.local()

    def batches(self) -> Iterator[list[Square]]:
        """Neighbours in a row, a few at a time."""
        return self._layout.batches(TILES_PER_BATCH)

    def cut(
        self,
        batch: list[Square],
        finish: Callable[[int, np.ndarray], _Result],
        damaged: Callable[[int, np.ndarray], _Result] | None,
    ) -> list[_Result]:
        """Read, decode, assemble and finish a few output tiles."""
        columns = self._source.level.columns
        needed = {
            row * columns + column
            for square in batch
            for row in range(square.first_row, square.end_row)
            for column in range(square.first_column, square.end_column)
        }
        segments = self._tiles.segments(
            self._source.level, [index for index in needed if not self._shared.is_ready(index)]
        )
        results = []
        for square in batch:
            region, is_whole = self._region(square, segments, allows_damage=damaged is not None)
            done = finish if is_whole or damaged is None else damaged
            results.append(done(square.number, self._resampled(square, region)))
        return results

    def _region(
        self, square: Square, segments: dict[int, memoryview], *, allows_damage: bool
    ) -> tuple[np.ndarray, bool]:
        """The decoded pixels that a square touches, white where the slide has none, and whether none is damaged."""
        is_whole = True
        region = self._array("region", (square.bottom - square.top, square.right - square.left, 3))
        if self._layout.reaches_out(square):
            region.fill(_WHITE)
        columns = self._source.level.columns
        first = square.first_row * columns + square.first_column
        for part in self._layout.parts(square):
            try:
                pixels = self._pixels(first + part.row * columns + part.column, segments)
            except DamagedPixelsError:
                if not allows_damage:
                    raise
                pixels, is_whole = None, False
            region[part.target] = _WHITE if pixels is None else pixels[part.origin]
        return region, is_whole

    def _pixels(self, index: int, segments: dict[int, memoryview]) -> np.ndarray | None:
        """A decoded source tile, None where the file leaves it out."""
        if self._shared.is_shared(index):
            return self._shared.take(index, lambda index: self._decode_again(index, segments))
        if index in segments:
            buffer = self._array("tile", (*self._tile_shape, 3))
            return self._decoded(segments[index], buffer)
        return None

    def _decode_again(self, index: int, segments: dict[int, memoryview]) -> np.ndarray:
        """A source tile that several output tiles need, which may have been kept when the batch was read."""
        if index not in segments:
            segments.update(self._tiles.segments(self._source.level, [index]))
        return self._decoded(segments[index])

    def _decoded(self, segment: memoryview, buffer: np.ndarray | None = None) -> np.ndarray:
        return self._tiles.decode(self._source.level, segment, scale=self._source.scale, buffer=buffer)

    def _resampled(self, square: Square, region: np.ndarray) -> np.ndarray:
        if region.shape[0] == region.shape[1] == self._size and not self._is_resampled:
            return region
        left, top = np.maximum(self._corners[square.number] - (square.left, square.top), 0.0).tolist()
        width, height = self._sides.tolist()
        inside = Box(left, top, min(left + width, region.shape[1]), min(top + height, region.shape[0]))
        return resample(region, inside, width=self._size, height=self._size)

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array of this thread that is used again, which spares asking the system for memory for every tile."""
        array = getattr(self._scratch, name, None)
        if array is None or array.shape != shape:
            array = decoding_buffer(shape)
            setattr(self._scratch, name, array)
        return array
