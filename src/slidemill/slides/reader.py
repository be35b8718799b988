"""The interface that every slide reader has, and the errors of slides."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.slides.bounds import Bounds
from slidemill.slides.stored_tiles import StoredTiles
from slidemill.units import SlidePixels, TilePixels

ReaderChoice = Literal["auto", "direct", "openslide"]
ReaderName = Literal["direct", "openslide", "plain"]

_Result = TypeVar("_Result")

LARGEST_SIDE_PX = 2**20  # of a slide; four times that of the largest scanners


class SlideError(SlidemillError):
    """A slide that cannot be used; it is set aside with this reason, and the cohort goes on."""


class UnreadableSlideError(SlideError):
    """A slide whose file cannot be opened or decoded."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path.name} cannot be read ({self.reason}). The file may be cut short: fetch it again."


class DamagedPixelsError(UnreadableSlideError):
    """A part of a slide that cannot be decoded; all else of it may be sound."""


class UnsupportedSlideError(SlideError):
    """A slide whose file is whole and of a kind that is not read."""

    def __init__(self, path: Path, kind: str, advice: str) -> None:
        super().__init__(path, kind, advice)
        self.path = path
        self.kind = kind
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.path.name} is {self.kind}, which is not read. {self.advice}"


class DeepColoursError(UnsupportedSlideError):
    """A picture of more than 8 bits for each colour."""

    def __init__(self, path: Path, bits: int) -> None:
        convert = f"vips colourspace {path.name} NEW.tif[tile,pyramid,compression=jpeg,bigtiff] srgb"
        super().__init__(path, f"an image of {bits}-bit colours", f"Make them 8-bit: {convert}.")


class NotBrightfieldError(SlideError):
    """A slide that is no RGB picture of stained tissue in bright light, such as a fluorescence scan."""

    def __init__(self, path: Path, found: str) -> None:
        super().__init__(path, found)
        self.path = path
        self.found = found

    def __str__(self) -> str:
        return f"{self.path.name} is no brightfield RGB image ({self.found}). Leave the slide out."


@dataclass(frozen=True, slots=True)
class SlideProperties:
    """What the slide's file states.

    Attributes:
        vendor: as OpenSlide names it, such as "aperio".
        width, height: size of level 0.
        um_per_px: microns per level-0 pixel along x and y, as the scanner states it; None where it does not.
        tag_um_per_px: the same from the general resolution tags of TIFF, which many programs fill with defaults.
        objective_power: magnification of the scan; None where the file does not state it.
        bounds: the part that was scanned; None where that is all of it.
    """

    vendor: str
    width: SlidePixels
    height: SlidePixels
    um_per_px: tuple[float, float] | None
    tag_um_per_px: tuple[float, float] | None
    objective_power: float | None
    bounds: Bounds | None = None


class SlideReader(Protocol):
    """An open slide. All pixels are uint8 RGB, with white where the scanner recorded nothing."""

    @property
    def name(self) -> ReaderName:
        """Which reader this is."""
        ...

    @property
    def properties(self) -> SlideProperties:
        """What the slide's file states."""
        ...

    @property
    def downsamples(self) -> tuple[float, ...]:
        """Level-0 pixels along the side of a pixel, of each image that the file holds of the whole slide."""
        ...

    @property
    def stored_tiles(self) -> StoredTiles | None:
        """The tiles as they stand in the file; None where they cannot be had."""
        ...

    def overview(
        self, max_side: int, *, threads: int = 1, in_bounds: bool = False, damaged: list[Bounds] | None = None
    ) -> np.ndarray:
        """The whole slide, small.

        Args:
            max_side: length of the longer side in pixels; a slide that is smaller is given at its own size.
            threads: number of threads that decode.
            in_bounds: give only what lies in the slide's bounds, as viewers do.
            damaged: a list to which parts of the slide are added that are damaged; they are white. None: they are an
                error.

        Returns:
            (height, width, 3) uint8 RGB.

        Raises:
            UnreadableSlideError: the pixels cannot be decoded.
            NoPyramidError: too many would have to be.
        """
        ...

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
        """Read squares of the slide, resampled, and hand each to a function.

        All squares are asked for at once, so that a reader can share work between neighbours. What is given back does
        not depend on the number of threads, nor does its order.

        Args:
            finish: called in the reader's threads, with the number of the square and its pixels, (size, size, 3) uint8
                RGB; the array is written to again after the call.
            corners: (squares, 2) int64, top left corners on level 0, best ordered row by row.
            extent: side of the squares on level 0.
            size: side of the results.
            threads: number of threads that decode and call `finish`.
            damaged: called in the place of `finish` for a square of which a part is damaged; that part is white. None:
                such a square is an error.

        Returns:
            What `finish` gave, in the order of `corners`.

        Raises:
            UnreadableSlideError: the pixels cannot be decoded.
        """
        ...


def read_square(
    reader: SlideReader, x: SlidePixels, y: SlidePixels, *, extent: SlidePixels, size: TilePixels
) -> np.ndarray:
    """One square of a slide, as `SlideReader.map_tiles` reads them: (size, size, 3) uint8 RGB, white where damaged."""

    def copied(_: int, tile: np.ndarray) -> np.ndarray:
        return tile.copy()

    corners = np.array([[x, y]], np.int64)
    (pixels,) = reader.map_tiles(copied, corners, extent=extent, size=size, damaged=copied)
    return pixels


def overview_size(width: int, height: int, max_side: int) -> tuple[float, int, int]:
    """Downsample, columns and rows of the overview of a slide of `width` x `height` pixels; it is never enlarged."""
    downsample = max(1.0, max(width, height) / max_side)
    return downsample, max(1, round(width / downsample)), max(1, round(height / downsample))
