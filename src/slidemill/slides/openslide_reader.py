"""Slides through OpenSlide, which knows the formats of most scanners."""

import math
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import numpy as np
import openslide
from openslide import OpenSlide, OpenSlideError
from PIL import Image

from slidemill.slides.not_downloaded import refuse_placeholder
from slidemill.slides.reader import SlideProperties, SlideReader, UnreadableSlideError
from slidemill.units import SlidePixels, TilePixels

_MAX_REGION_SIDE = 4096  # pixels of a level that an overview decodes at once; bounds memory to 64 MB


@contextmanager
def open_slide(path: Path) -> Iterator[SlideReader]:
    """Open a slide for reading.

    Raises:
        UnreadableSlideError: no reader knows the file, or it is damaged.
        SlideNotDownloadedError: the file stands in the place of a slide that could not be downloaded.
    """
    refuse_placeholder(path)
    try:
        slide = OpenSlide(path)
    except (OpenSlideError, OSError) as error:
        raise UnreadableSlideError(path, str(error)) from error
    with slide:
        yield _OpenSlideReader(path, slide)


class _Box(NamedTuple):
    """A rectangle of the slide, in level-0 pixels, also in parts of them."""

    left: float
    top: float
    right: float
    bottom: float


class _OpenSlideReader:
    def __init__(self, path: Path, slide: OpenSlide) -> None:
        self._path = path
        self._slide = slide

    @property
    def properties(self) -> SlideProperties:
        stated = self._slide.properties
        width, height = self._slide.dimensions
        mpp_x = _number(stated, openslide.PROPERTY_NAME_MPP_X)
        mpp_y = _number(stated, openslide.PROPERTY_NAME_MPP_Y)
        return SlideProperties(
            vendor=stated.get(openslide.PROPERTY_NAME_VENDOR, "unknown"),
            width=SlidePixels(width),
            height=SlidePixels(height),
            um_per_px=None if mpp_x is None or mpp_y is None else (mpp_x, mpp_y),
            objective_power=_number(stated, openslide.PROPERTY_NAME_OBJECTIVE_POWER),
        )

    def overview(self, max_side: int) -> np.ndarray:
        width, height = self._slide.dimensions
        downsample = max(1.0, max(width, height) / max_side)
        columns, rows = max(1, round(width / downsample)), max(1, round(height / downsample))
        scale_x, scale_y = width / columns, height / rows
        level = self._slide.get_best_level_for_downsample(downsample)
        # In parts, because a slide without a pyramid has to be decoded at full size.
        step = max(1, int(_MAX_REGION_SIDE * self._slide.level_downsamples[level] / downsample))
        picture = np.empty((rows, columns, 3), np.uint8)
        for top in range(0, rows, step):
            for left in range(0, columns, step):
                part = picture[top : top + step, left : left + step]
                part_rows, part_columns = part.shape[:2]
                box = _Box(left * scale_x, top * scale_y, (left + part_columns) * scale_x, (top + part_rows) * scale_y)
                part[...] = self._resampled(level, box, part_columns, part_rows)
        return picture

    def read_tile(self, x: SlidePixels, y: SlidePixels, *, extent: SlidePixels, size: TilePixels) -> np.ndarray:
        level = self._slide.get_best_level_for_downsample(extent / size)
        return self._resampled(level, _Box(x, y, x + extent, y + extent), size, size)

    def _resampled(self, level: int, box: "_Box", width: int, height: int) -> np.ndarray:
        """Pixels of a rectangle of level 0, read from `level`, as (height, width, 3)."""
        downsample = self._slide.level_downsamples[level]
        left, top = math.floor(box.left), math.floor(box.top)
        columns = math.ceil((box.right - left) / downsample)
        rows = math.ceil((box.bottom - top) / downsample)
        region = self._read_region((left, top), level, (columns, rows))
        inside = (
            (box.left - left) / downsample,
            (box.top - top) / downsample,
            min((box.right - left) / downsample, columns),
            min((box.bottom - top) / downsample, rows),
        )
        # Pillow gives the very pixels where nothing has to be resampled.
        return np.asarray(region.resize((width, height), Image.Resampling.LANCZOS, box=inside))

    def _read_region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        try:
            region = self._slide.read_region(corner, level, size)
        except OpenSlideError as error:
            raise UnreadableSlideError(self._path, str(error)) from error
        opaque = Image.new("RGB", region.size, "white")
        opaque.paste(region, mask=region.getchannel("A"))
        return opaque


def _number(properties: Mapping[str, str], name: str) -> float | None:
    try:
        return float(properties[name])
    except (KeyError, ValueError):
        return None
