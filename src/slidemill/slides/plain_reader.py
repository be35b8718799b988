"""Plain pictures (PNG, JPEG, TIFF in strips): cores of tissue arrays, regions that were published.

They hold one image without tiles, which is decoded as a whole. So they are read up to a size that any machine bears;
larger ones need tiles.
"""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

import numpy as np
from PIL import Image, UnidentifiedImageError

from slidemill.slides.bounds import Bounds
from slidemill.slides.ordered import map_in_order
from slidemill.slides.reader import (
    DeepColoursError,
    NotBrightfieldError,
    ReaderName,
    SlideProperties,
    SlideReader,
    UnreadableSlideError,
    UnsupportedSlideError,
    overview_size,
)
from slidemill.slides.resample import Box, resample, resampling_margin
from slidemill.units import SlidePixels, TilePixels

_Result = TypeVar("_Result")

LARGEST_PLAIN_PX = 100_000_000  # 300 MB when decoded, and as much while it is
_WHITE = 255
_FORMATS = ("PNG", "JPEG", "TIFF")
_COLOURS = ("RGB", "RGBA", "P")
_FOUND = {
    "L": "1 channel",
    "LA": "2 channels",
    "1": "1 bit",
    "I;16": "1 channel of 16 bits",
    "CMYK": "inks of a printer",
}
_PNG_BITS = 24  # where a PNG file states the bits of a channel (PNG specification, 11.2.1)


@contextmanager
def open_plain(path: Path, tag_um_per_px: tuple[float, float] | None = None) -> Iterator[SlideReader]:
    """Open a picture without tiles.

    Args:
        path: of the file.
        tag_um_per_px: microns per pixel by the resolution tags of TIFF.

    Raises:
        UnreadableSlideError: it is damaged, or no picture.
        UnsupportedSlideError: it is too large to be decoded as a whole.
        NotBrightfieldError: its pixels are not RGB.
    """
    # The size is looked at before anything is decoded, and Pillow's own limit is lower.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", Image.DecompressionBombWarning)
        try:
            with Image.open(path, formats=_FORMATS) as picture:
                _refuse_what_is_not_read(path, picture)
                _refuse_deep_png(path)
                kind, pixels = str(picture.format), _rgb(picture)
        except Image.DecompressionBombError as error:
            raise NoTilesError(path) from error
        except UnidentifiedImageError as error:
            raise UnreadableSlideError(path, "no picture that is known") from error
        except (OSError, SyntaxError, ValueError, EOFError) as error:
            raise UnreadableSlideError(path, str(error)) from error
    yield _PlainReader(pixels, kind, tag_um_per_px)


class NoTilesError(UnsupportedSlideError):
    """A picture too large to be decoded as a whole, which a file without tiles would need."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            path,
            f"a picture of more than {LARGEST_PLAIN_PX / 1e6:.0f} million pixels without tiles",
            f"Write it in tiles: vips tiffsave {path.name} NEW.tif --tile --pyramid --compression jpeg --bigtiff.",
        )


def _refuse_what_is_not_read(path: Path, picture: Image.Image) -> None:
    if picture.width * picture.height > LARGEST_PLAIN_PX:
        raise NoTilesError(path)
    if picture.mode not in _COLOURS:
        raise NotBrightfieldError(path, _FOUND.get(picture.mode, f"pixels of kind {picture.mode}"))


def _refuse_deep_png(path: Path) -> None:
    """Refuse a PNG of more than 8 bits for each colour, of which Pillow would drop half."""
    with path.open("rb") as file:
        head = file.read(_PNG_BITS + 1)
    if head.startswith(b"\x89PNG") and head[_PNG_BITS] > 8:
        raise DeepColoursError(path, head[_PNG_BITS])


def _rgb(picture: Image.Image) -> np.ndarray:
    """The pixels, (height, width, 3) uint8; what is transparent becomes white."""
    if picture.mode == "RGB":
        return np.asarray(picture)
    layer = picture.convert("RGBA")
    ground = Image.new("RGBA", layer.size, "white")
    return np.asarray(Image.alpha_composite(ground, layer).convert("RGB"))


class _PlainReader:
    def __init__(self, pixels: np.ndarray, kind: str, tag_um_per_px: tuple[float, float] | None) -> None:
        self._pixels = pixels
        self._kind = kind
        self._tag_um_per_px = tag_um_per_px

    @property
    def name(self) -> ReaderName:
        return "plain"

    @property
    def properties(self) -> SlideProperties:
        height, width, _ = self._pixels.shape
        return SlideProperties(
            vendor=f"plain {self._kind}",
            width=SlidePixels(width),
            height=SlidePixels(height),
            um_per_px=None,
            tag_um_per_px=self._tag_um_per_px,
            objective_power=None,
        )

    @property
    def downsamples(self) -> tuple[float, ...]:
        return (1.0,)

    @property
    def stored_tiles(self) -> None:
        return None

    def overview(
        self,
        max_side: int,
        *,
        threads: int = 1,  # noqa: ARG002
        in_bounds: bool = False,  # noqa: ARG002
        damaged: list[Bounds] | None = None,  # noqa: ARG002
    ) -> np.ndarray:
        height, width, _ = self._pixels.shape
        _, columns, rows = overview_size(width, height, max_side)
        return np.asarray(Image.fromarray(self._pixels).resize((columns, rows), Image.Resampling.BILINEAR))

    def map_tiles(
        self,
        finish: Callable[[int, np.ndarray], _Result],
        corners: np.ndarray,
        *,
        extent: SlidePixels,
        size: TilePixels,
        threads: int = 1,
        damaged: Callable[[int, np.ndarray], _Result] | None = None,  # noqa: ARG002
    ) -> Iterator[_Result]:
        def cut(square: tuple[int, list[int]]) -> _Result:
            number, (x, y) = square
            return finish(number, self._square(x, y, extent, size))

        yield from map_in_order(cut, enumerate(corners.tolist()), threads)

    def _square(self, x: int, y: int, extent: int, size: int) -> np.ndarray:
        height, width, _ = self._pixels.shape
        margin = 0 if extent == size else resampling_margin(extent, size)
        left, right = _with_margin(x, x + extent, width, margin)
        top, bottom = _with_margin(y, y + extent, height, margin)
        region = np.full((bottom - top, right - left, 3), _WHITE, np.uint8)
        first_x, first_y = max(left, 0), max(top, 0)
        part = self._pixels[first_y : max(bottom, 0), first_x : max(right, 0)]
        rows, columns, _ = part.shape
        region[first_y - top : first_y - top + rows, first_x - left : first_x - left + columns] = part
        box = Box(x - left, y - top, x - left + extent, y - top + extent)
        return resample(region, box, width=size, height=size)


def _with_margin(start: int, end: int, limit: int, margin: int) -> tuple[int, int]:
    """A stretch with the pixels beside it that the filter looks at, but none behind the edges of the picture."""
    return max(start - margin, min(start, 0)), min(end + margin, max(end, limit))
