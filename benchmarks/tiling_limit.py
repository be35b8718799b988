"""The limit that the codecs set: decoding the source tiles of the kept tiles, and encoding these, and nothing else."""

import resource
import time
from collections.abc import Iterator
from pathlib import Path

import imagecodecs
import ndpi
import numpy as np
import simplejpeg

from slidemill.slides import open_slide
from slidemill.slides.direct_reader import direct_reader
from slidemill.slides.jpeg import decoding_buffer
from slidemill.slides.tiff_file import TiffFile, open_tiff
from slidemill.slides.tiff_slide import read_tiff_slide
from slidemill.units import SlidePixels, TilePixels

QUALITY = 85
_NDPI_SUFFIX = ".ndpi"
_ROWS_AT_ONCE = 64  # of restart intervals, which are decoded as one JPEG file

Corners = list[tuple[int, int]]


def limit(slide: Path, corners: Corners, extent: int, size: int) -> dict[str, float]:
    """CPU seconds of the codecs: each source tile is decoded once, and each tile encoded; resampling does not count."""
    with open_tiff(slide) as file:
        assert file is not None
        decoded = _ndpi_decoded if slide.suffix == _NDPI_SUFFIX else _tiles_decoded
        cpu_s = sum(decoded(slide, file, corners, extent, size))
    with open_slide(slide) as reader:
        cpu_s += sum(
            reader.map_tiles(
                lambda _, pixels: _encoded(pixels), np.array(corners), extent=SlidePixels(extent), size=TilePixels(size)
            )
        )
    return {"cpu_s": cpu_s, "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}


def _encoded(pixels: np.ndarray) -> float:
    pixels = np.ascontiguousarray(pixels)
    started = time.process_time()
    simplejpeg.encode_jpeg(pixels, quality=QUALITY, colorsubsampling="420")
    return time.process_time() - started


def _tiles_decoded(slide: Path, file: TiffFile, corners: Corners, extent: int, size: int) -> Iterator[float]:
    """CPU seconds for each source tile."""
    source = direct_reader(slide, file, read_tiff_slide(file))._source(extent / size)
    level, scale = source.level, source.scale
    height, width = source.tile_shape
    buffer = decoding_buffer((height, width, 3))
    left, top = (np.array(corners) / level.downsamples).T
    right, bottom = ((np.array(corners) + extent) / level.downsamples).T
    needed = {
        row * level.columns + column
        for x, y, x_end, y_end in np.stack([left, top, right, bottom], axis=1).round(6).tolist()
        for row in range(int(y // level.tile_height), min(-int(-y_end // level.tile_height), level.rows))
        for column in range(int(x // level.tile_width), min(-int(-x_end // level.tile_width), level.columns))
    }
    for index in sorted(needed):
        tile = memoryview(file.read(int(level.offsets[index]), int(level.counts[index])))
        jpeg = level.decoder.as_jpeg(tile)
        if jpeg is None:
            codestream = bytes(tile)
            started = time.process_time()
            imagecodecs.jpeg2k_decode(codestream)
        else:
            started = time.process_time()
            simplejpeg.decode_jpeg(
                jpeg,
                fastdct=False,
                fastupsample=False,
                min_factor=scale,
                min_height=height,
                min_width=width,
                buffer=buffer,
            )
        yield time.process_time() - started


def _ndpi_decoded(slide: Path, file: TiffFile, corners: Corners, extent: int, size: int) -> Iterator[float]:
    """CPU seconds for each piece of some restart intervals below each other; level 0 alone."""
    first = file.directories[0]
    jpeg = file.read(first.number(273, 0), first.number(279, 0))
    starts = first.numbers(65426).tolist()
    header, width, height = jpeg[: starts[0]], first.number(256, 0), first.number(257, 0)
    intervals = [jpeg[start : end - 2] for start, end in zip(starts, [*starts[1:], len(jpeg)], strict=True)]
    rows = height // ndpi.MCU_HEIGHT
    across = len(intervals) // rows
    side_x, side_y = width // across, _ROWS_AT_ONCE * ndpi.MCU_HEIGHT
    pieces = {
        (piece_row, column)
        for x, y in corners
        for piece_row in range(y // side_y, -(-(y + extent) // side_y))
        for column in range(x // side_x, -(-(x + extent) // side_x))
    }
    for piece_row, column in sorted(pieces):
        first_row = piece_row * _ROWS_AT_ONCE
        own = [intervals[row * across + column] for row in range(first_row, min(first_row + _ROWS_AT_ONCE, rows))]
        piece, _ = ndpi.joined_jpeg(header, own, width=side_x, height=len(own) * ndpi.MCU_HEIGHT)
        started = time.process_time()
        simplejpeg.decode_jpeg(piece, fastdct=False, fastupsample=False)
        yield time.process_time() - started
