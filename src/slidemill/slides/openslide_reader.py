"""Slides through OpenSlide, which knows the formats of most scanners."""

import math
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
import openslide
from openslide import OpenSlide, OpenSlideError
from PIL import Image

from slidemill.machine import tells_of_machine
from slidemill.slides.bounds import Bounds
from slidemill.slides.layout import SAME_SIDE
from slidemill.slides.levels import axis_downsamples, level_for
from slidemill.slides.openslide_handles import OpenSlideHandles
from slidemill.slides.ordered import map_in_order
from slidemill.slides.reader import (
    LARGEST_SIDE_PX,
    DamagedPixelsError,
    ReaderName,
    SlideError,
    SlideProperties,
    SlideReader,
    UnreadableSlideError,
    overview_size,
)
from slidemill.slides.resample import Box, resample, resampling_margin
from slidemill.units import SlidePixels, TilePixels

_Result = TypeVar("_Result")

_MOST_OVERVIEW_PX = 2**32  # pixels that are decoded for an overview: minutes, at OpenSlide's 50 million a second
_UM_PER_UNIT = {"inch": 25400.0, "centimeter": 10000.0}
_WHITE = _OPAQUE = 255
_MAX_REGION_SIDE = 2048  # pixels of a level that an overview decodes at once; bounds memory to 64 MB


class NoPyramidError(SlideError):
    """A slide too large to be looked over, because it holds no image of it that is smaller."""

    def __init__(self, path: Path, width: int, height: int) -> None:
        super().__init__(path, width, height)
        self.path = path
        self.width = width
        self.height = height

    def __str__(self) -> str:
        return (
            f"{self.path.name} has no smaller image of itself than {self.width} x {self.height} pixels, all of which "
            "would be decoded to find its tissue. Add a pyramid (vips tiffsave SLIDE NEW.tif --tile --pyramid "
            "--compression jpeg --bigtiff), or leave the slide out."
        )


def knows(path: Path) -> bool:
    """Whether OpenSlide knows a file as a slide."""
    return OpenSlide.detect_format(path) is not None


@contextmanager
def open_with_openslide(path: Path) -> Iterator[SlideReader]:
    """Open a slide with OpenSlide.

    Raises:
        UnreadableSlideError: OpenSlide does not know the file, or it is damaged.
    """
    try:
        slide = OpenSlide(path)
    except (OpenSlideError, OSError) as error:
        raise UnreadableSlideError(path, str(error)) from error
    with slide:
        width, height = slide.dimensions
        if max(width, height) > LARGEST_SIDE_PX:
            raise UnreadableSlideError(path, f"an image of {width} x {height} pixels")
        handles = OpenSlideHandles(path, slide)
        try:
            yield _OpenSlideReader(path, slide, handles)
        finally:
            handles.close()


class _OpenSlideReader:
    def __init__(self, path: Path, slide: OpenSlide, handles: OpenSlideHandles) -> None:
        self._path = path
        self._handles = handles
        # A handle tells nothing any more once it has failed.
        self._stated = dict(slide.properties)
        self._dimensions = slide.dimensions
        self._level_dimensions = slide.level_dimensions
        self._own_downsamples = slide.level_downsamples
        self._downsamples = [axis_downsamples(slide.dimensions, level) for level in slide.level_dimensions]

    @property
    def name(self) -> ReaderName:
        return "openslide"

    @property
    def properties(self) -> SlideProperties:
        stated = self._stated
        width, height = self._dimensions
        vendor = stated.get(openslide.PROPERTY_NAME_VENDOR, "unknown")
        mpp = _pair(stated, openslide.PROPERTY_NAME_MPP_X, openslide.PROPERTY_NAME_MPP_Y)
        # For a general TIFF OpenSlide makes its mpp from the resolution tags.
        from_tags = mpp if vendor == "generic-tiff" else _tag_um_per_px(stated)
        return SlideProperties(
            vendor=vendor,
            width=SlidePixels(width),
            height=SlidePixels(height),
            um_per_px=None if vendor == "generic-tiff" else mpp,
            tag_um_per_px=from_tags,
            objective_power=_number(stated, openslide.PROPERTY_NAME_OBJECTIVE_POWER),
            bounds=_bounds(stated, width, height),
        )

    @property
    def downsamples(self) -> tuple[float, ...]:
        return tuple((across + down) / 2 for across, down in self._downsamples)

    @property
    def stored_tiles(self) -> None:
        return None

    def overview(
        self, max_side: int, *, threads: int = 1, in_bounds: bool = False, damaged: list[Bounds] | None = None
    ) -> np.ndarray:
        bounds = self.properties.bounds if in_bounds else None
        start_x, start_y, width, height = bounds or (0, 0, *self._dimensions)
        downsample, columns, rows = overview_size(width, height, max_side)
        scale_x, scale_y = width / columns, height / rows
        level = level_for(self.downsamples, downsample)
        level_width, level_height = self._level_dimensions[level]
        if level_width * level_height > _MOST_OVERVIEW_PX:
            raise NoPyramidError(self._path, level_width, level_height)
        # In parts, because a slide without a pyramid has to be decoded at full size.
        step = max(1, int(_MAX_REGION_SIDE * self.downsamples[level] / downsample))
        picture = np.empty((rows, columns, 3), np.uint8)

        def draw(corner: tuple[int, int]) -> None:
            top, left = corner
            part = picture[top : top + step, left : left + step]
            part_rows, part_columns = part.shape[:2]
            box = Box(
                start_x + left * scale_x,
                start_y + top * scale_y,
                start_x + (left + part_columns) * scale_x,
                start_y + (top + part_rows) * scale_y,
            )
            try:
                part[...] = self._resampled(level, box, part_columns, part_rows)
            except DamagedPixelsError:
                if damaged is None:
                    raise
                part[...] = _WHITE
                x, y = int(box.left), int(box.top)
                damaged.append(Bounds(x, y, math.ceil(box.right) - x, math.ceil(box.bottom) - y))

        corners = ((top, left) for top in range(0, rows, step) for left in range(0, columns, step))
        for _ in map_in_order(draw, corners, threads):
            pass
        return picture

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
        level = level_for(self.downsamples, extent / size)

        def cut(square: tuple[int, list[int]]) -> _Result:
            number, (x, y) = square
            try:
                pixels = self._resampled(level, Box(x, y, x + extent, y + extent), size, size)
            except DamagedPixelsError:
                if damaged is None:
                    raise
                return damaged(number, np.full((size, size, 3), _WHITE, np.uint8))
            return finish(number, pixels)

        yield from map_in_order(cut, enumerate(corners.tolist()), threads)

    def _resampled(self, level: int, box: Box, width: int, height: int) -> np.ndarray:
        """Pixels of a rectangle, given in those of level 0, read from `level`, as (height, width, 3)."""
        across, down = self._downsamples[level]
        left, right = self._stretch(level, 0, box.left, box.right, width)
        top, bottom = self._stretch(level, 1, box.top, box.bottom, height)
        # OpenSlide takes level-0 pixels, and makes them those of the level by the mean of both sides.
        own = self._own_downsamples[level]
        corner = round(left * own), round(top * own)
        region = self._read_region(corner, level, (right - left, bottom - top))
        first_x, first_y = corner[0] / own, corner[1] / own
        inside = Box(
            max(box.left / across - first_x, 0.0),
            max(box.top / down - first_y, 0.0),
            min(box.right / across - first_x, right - left),
            min(box.bottom / down - first_y, bottom - top),
        )
        return resample(region, inside, width=width, height=height)

    def _stretch(self, level: int, axis: int, start: float, end: float, size: int) -> tuple[int, int]:
        """First and last pixel (exclusive) of a level that are read for a stretch of level 0 along one side."""
        downsample = self._downsamples[level][axis]
        limit = self._level_dimensions[level][axis]
        first, last = math.floor(start / downsample), math.ceil(end / downsample)
        if last - first == size and abs((end - start) / downsample - size) < SAME_SIDE:
            return first, last
        margin = resampling_margin((end - start) / downsample, size)
        return max(first - margin, min(first, 0)), min(last + margin, max(last, limit))

    def _read_region(self, corner: tuple[int, int], level: int, size: tuple[int, int]) -> np.ndarray:
        with self._handles.borrowed() as slide:
            try:
                region = slide.read_region(corner, level, size)
            except OpenSlideError:
                region = self._read_alone(slide, corner, level, size)
        return _on_white(region)

    def _read_alone(self, failed: OpenSlide, corner: tuple[int, int], level: int, size: tuple[int, int]) -> Image.Image:
        """Read a region by a handle of its own, so that an error is this region's and not that of another thread."""
        try:
            self._handles.replace(failed)
            alone = OpenSlide(self._path)
        except (OpenSlideError, OSError) as error:
            raise UnreadableSlideError(self._path, str(error)) from error
        try:
            with alone:
                return alone.read_region(corner, level, size)
        except OpenSlideError as error:
            if tells_of_machine(str(error)):
                raise UnreadableSlideError(self._path, str(error)) from error
            raise DamagedPixelsError(self._path, str(error)) from error


def _on_white(region: Image.Image) -> np.ndarray:
    """(height, width, 3) uint8 RGB of a picture that may be transparent where a slide has no pixels."""
    alpha = region.getchannel("A")
    if np.asarray(alpha).min() < _OPAQUE:
        opaque = Image.new("RGB", region.size, "white")
        opaque.paste(region, mask=alpha)
        return np.asarray(opaque)
    # Most regions are opaque, and to paste one costs as much as to encode it.
    return np.frombuffer(region.tobytes("raw", "RGB"), np.uint8).reshape(region.height, region.width, 3)


def _pair(properties: Mapping[str, str], name_x: str, name_y: str) -> tuple[float, float] | None:
    x, y = _number(properties, name_x), _number(properties, name_y)
    return None if x is None or y is None else (x, y)


def _bounds(properties: Mapping[str, str], width: int, height: int) -> Bounds | None:
    """The part of the canvas that was scanned; what lies outside of the canvas is cut off."""
    x = int(_number(properties, openslide.PROPERTY_NAME_BOUNDS_X) or 0)
    y = int(_number(properties, openslide.PROPERTY_NAME_BOUNDS_Y) or 0)
    right = min(width, x + int(_number(properties, openslide.PROPERTY_NAME_BOUNDS_WIDTH) or width))
    bottom = min(height, y + int(_number(properties, openslide.PROPERTY_NAME_BOUNDS_HEIGHT) or height))
    x, y = max(0, x), max(0, y)
    is_all = (x, y, right, bottom) == (0, 0, width, height)
    return None if is_all or right <= x or bottom <= y else Bounds(x, y, right - x, bottom - y)


def _tag_um_per_px(properties: Mapping[str, str]) -> tuple[float, float] | None:
    um_per_unit = _UM_PER_UNIT.get(properties.get("tiff.ResolutionUnit", ""))
    pixels = _pair(properties, "tiff.XResolution", "tiff.YResolution")
    if um_per_unit is None or pixels is None or not all(pixels):
        return None
    return um_per_unit / pixels[0], um_per_unit / pixels[1]


def _number(properties: Mapping[str, str], name: str) -> float | None:
    try:
        return float(properties[name])
    except (KeyError, ValueError):
        return None
