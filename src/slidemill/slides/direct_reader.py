"""TIFF slides read by their own tiles: each source tile that is needed is read and decoded once.

OpenSlide composes every region anew on a canvas with an alpha channel, which costs several times the decoding. Here
source tiles go from the decoder into output tiles, at the level and the scale of the decoder (1/2, 1/4, 1/8) that are
nearest to the resolution asked for; only where these do not give it exactly are pixels resampled.
"""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image

from slidemill.slides.jpeg import SCALES
from slidemill.slides.ordered import map_in_order
from slidemill.slides.reader import ReaderName, SlideProperties, SlideReader, UnreadableSlideError
from slidemill.slides.segments import read_segments
from slidemill.slides.shared_tiles import SharedTiles
from slidemill.slides.tiff_file import DamagedTiffError, TiffFile
from slidemill.slides.tiff_slide import Level, TiffSlide
from slidemill.slides.tile_codecs import TILE_ERRORS
from slidemill.units import SlidePixels, TilePixels

_Result = TypeVar("_Result")

_TILES_PER_BATCH = 8  # neighbours in a row: read at once, finished by one thread
_WHITE = 255


@dataclass(frozen=True, slots=True)
class _Source:
    """A level and the scale at which it is decoded."""

    level: Level
    scale: int

    @property
    def downsample(self) -> float:
        """Level-0 pixels along the side of a decoded pixel."""
        return self.level.downsample * self.scale

    @property
    def tile_shape(self) -> tuple[int, int]:
        """Height and width of a decoded tile."""
        return self.level.tile_height // self.scale, self.level.tile_width // self.scale

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the decoded level; the last pixels may be cut by its edge."""
        return -(-self.level.height // self.scale), -(-self.level.width // self.scale)


@dataclass(frozen=True, slots=True)
class _Square:
    """An output tile: its number, and the decoded pixels that it is made of."""

    number: int
    left: float
    top: float


def direct_reader(path: Path, file: TiffFile, slide: TiffSlide) -> SlideReader:
    """A reader of the slide in an open TIFF file."""
    return _DirectReader(path, file, slide)


class _DirectReader:
    def __init__(self, path: Path, file: TiffFile, slide: TiffSlide) -> None:
        self._path = path
        self._file = file
        self._slide = slide

    @property
    def name(self) -> ReaderName:
        return "direct"

    @property
    def properties(self) -> SlideProperties:
        return self._slide.properties

    def overview(self, max_side: int, *, threads: int = 1) -> np.ndarray:
        width, height = self.properties.width, self.properties.height
        downsample = max(1.0, max(width, height) / max_side)
        columns, rows = max(1, round(width / downsample)), max(1, round(height / downsample))
        source = self._source(downsample)
        # Beyond what the decoder can do, rows of tiles are made smaller one by one, so that memory stays small.
        reduction = 1
        while all(side % (2 * reduction) == 0 for side in source.tile_shape):
            if source.downsample * reduction * 2 > downsample:
                break
            reduction *= 2
        strips = map_in_order(lambda row: self._strip(source, row, reduction), range(source.level.rows), threads)
        picture = np.concatenate(list(strips))
        scale = source.downsample * reduction
        box = (0, 0, min(width / scale, picture.shape[1]), min(height / scale, picture.shape[0]))
        return np.asarray(Image.fromarray(picture).resize((columns, rows), Image.Resampling.BOX, box=box))

    def map_tiles(
        self,
        finish: Callable[[int, np.ndarray], _Result],
        corners: np.ndarray,
        *,
        extent: SlidePixels,
        size: TilePixels,
        threads: int = 1,
    ) -> Iterator[_Result]:
        cutter = _Cutter(self, self._source(extent / size), corners, extent, size)
        for results in map_in_order(lambda batch: cutter.cut(batch, finish), cutter.batches(), threads):
            yield from results

    def segments(self, level: Level, indices: list[int]) -> dict[int, bytes]:
        """The bytes of source tiles; those that the file leaves out are missing.

        Raises:
            UnreadableSlideError: the file cannot be read.
        """
        try:
            return read_segments(self._file, level.offsets, level.counts, indices)
        except (DamagedTiffError, OSError) as error:
            raise UnreadableSlideError(self._path, str(error)) from error

    def decode(self, source: _Source, segment: bytes, buffer: np.ndarray | None = None) -> np.ndarray:
        """The pixels of a source tile.

        Raises:
            UnreadableSlideError: the tile is damaged.
        """
        try:
            return source.level.decoder.decode(segment, scale=source.scale, buffer=buffer)
        except TILE_ERRORS as error:
            raise UnreadableSlideError(self._path, str(error)) from error

    def _source(self, downsample: float) -> _Source:
        """The source with fewest pixels that is no coarser than asked for."""
        allowed = downsample * (1 + 1e-9)
        level = max(
            (level for level in self._slide.levels if level.downsample <= allowed),
            key=lambda level: level.downsample,
            default=self._slide.levels[0],
        )
        return _Source(level, max((s for s in SCALES if level.downsample * s <= allowed), default=1))

    def _strip(self, source: _Source, row: int, reduction: int) -> np.ndarray:
        """A row of source tiles side by side."""
        height, width = source.tile_shape
        level = source.level
        strip = np.full((height, level.columns * width, 3), _WHITE, np.uint8)
        first = row * level.columns
        for index, segment in self.segments(level, list(range(first, first + level.columns))).items():
            left = (index - first) * width
            strip[:, left : left + width] = self.decode(source, segment)
        rows, columns = source.size
        strip = strip[: rows - row * height, :columns]
        return strip if reduction == 1 else np.asarray(Image.fromarray(strip).reduce(reduction))


class _Cutter:
    """Cuts the output tiles of one call."""

    def __init__(
        self, reader: _DirectReader, source: _Source, corners: np.ndarray, extent: SlidePixels, size: TilePixels
    ) -> None:
        self._reader = reader
        self._source = source
        self._corners = corners
        self._size = size
        self._side = extent / source.downsample  # of an output tile, in decoded pixels
        self._shared = SharedTiles(self._uses())
        self._scratch = threading.local()

    def batches(self) -> Iterator[list[_Square]]:
        """Neighbours in a row, a few at a time."""
        squares = (
            _Square(number, x / self._source.downsample, y / self._source.downsample)
            for number, (x, y) in enumerate(self._corners.tolist())
        )
        for _, row in groupby(squares, key=lambda square: square.top):
            batch = list(row)
            for first in range(0, len(batch), _TILES_PER_BATCH):
                yield batch[first : first + _TILES_PER_BATCH]

    def cut(self, batch: list[_Square], finish: Callable[[int, np.ndarray], _Result]) -> list[_Result]:
        """Read, decode, assemble and finish a few output tiles."""
        boxes = [self._box(square.left, square.top) for square in batch]
        needed = sorted({index for box in boxes for index in self._indices(box)})
        segments = self._reader.segments(
            self._source.level, [index for index in needed if not self._shared.is_ready(index)]
        )
        return [
            finish(square.number, self._resampled(square, box, self._region(box, segments)))
            for square, box in zip(batch, boxes, strict=True)
        ]

    def _box(self, left: float, top: float) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the decoded pixels that a square touches."""
        slack = 1e-6  # of a pixel; what floating point arithmetic may add
        return (
            int(left + slack),
            int(top + slack),
            int(np.ceil(left + self._side - slack)),
            int(np.ceil(top + self._side - slack)),
        )

    def _tile_range(self, box: tuple[int, int, int, int]) -> tuple[range, range]:
        """Rows and columns of the source tiles under a box, as far as the level reaches."""
        left, top, right, bottom = box
        height, width = self._source.tile_shape
        level = self._source.level
        return (
            range(max(0, top // height), min(level.rows, -(-bottom // height))),
            range(max(0, left // width), min(level.columns, -(-right // width))),
        )

    def _indices(self, box: tuple[int, int, int, int]) -> list[int]:
        rows, columns = self._tile_range(box)
        return [row * self._source.level.columns + column for row in rows for column in columns]

    def _uses(self) -> np.ndarray:
        uses = np.zeros(self._source.level.rows * self._source.level.columns, np.int32)
        for x, y in (self._corners / self._source.downsample).tolist():
            for index in self._indices(self._box(x, y)):
                uses[index] += 1
        return uses

    def _region(self, box: tuple[int, int, int, int], segments: dict[int, bytes]) -> np.ndarray:
        """The decoded pixels in a box, white outside of the slide."""
        left, top, right, bottom = box
        height, width = self._source.tile_shape
        region = self._array("region", (bottom - top, right - left, 3))
        rows, columns = self._tile_range(box)
        limit_y, limit_x = self._source.size
        if right > limit_x or bottom > limit_y or left < 0 or top < 0:
            region.fill(_WHITE)
        for row in rows:
            y0, y1 = max(top, row * height), min(bottom, (row + 1) * height, limit_y)
            for column in columns:
                x0, x1 = max(left, column * width), min(right, (column + 1) * width, limit_x)
                index = row * self._source.level.columns + column
                part = region[y0 - top : y1 - top, x0 - left : x1 - left]
                if self._source.level.counts[index] == 0:
                    part.fill(_WHITE)
                    continue
                pixels = self._pixels(index, segments)
                part[...] = pixels[y0 - row * height : y1 - row * height, x0 - column * width : x1 - column * width]
        return region

    def _pixels(self, index: int, segments: dict[int, bytes]) -> np.ndarray:
        if self._shared.is_shared(index):
            return self._shared.take(index, lambda _: self._reader.decode(self._source, self._segment(index, segments)))
        buffer = self._array("tile", (*self._source.tile_shape, 3))
        return self._reader.decode(self._source, segments[index], buffer)

    def _segment(self, index: int, segments: dict[int, bytes]) -> bytes:
        if index not in segments:  # it was kept when the batch was read and has been dropped since
            segments.update(self._reader.segments(self._source.level, [index]))
        return segments[index]

    def _resampled(self, square: _Square, box: tuple[int, int, int, int], region: np.ndarray) -> np.ndarray:
        if abs(self._side - self._size) < 1e-6 and region.shape[:2] == (self._size, self._size):
            return region
        left, top = max(0.0, square.left - box[0]), max(0.0, square.top - box[1])
        inside = (left, top, min(left + self._side, region.shape[1]), min(top + self._side, region.shape[0]))
        picture = Image.fromarray(region).resize((self._size, self._size), Image.Resampling.LANCZOS, box=inside)
        return np.asarray(picture)

    def _array(self, name: str, shape: tuple[int, ...]) -> np.ndarray:
        """An array of this thread that is used again, which spares asking the system for memory for every tile."""
        array = getattr(self._scratch, name, None)
        if array is None or array.shape != shape:
            array = np.empty(shape, np.uint8)
            setattr(self._scratch, name, array)
        return array
