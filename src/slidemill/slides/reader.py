"""The interface that every slide reader has, and the errors of slides."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.units import SlidePixels, TilePixels


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


@dataclass(frozen=True, slots=True)
class SlideProperties:
    """What the slide's file states.

    Attributes:
        vendor: as OpenSlide names it, such as "aperio".
        width, height: size of level 0.
        um_per_px: microns per level-0 pixel along x and y; None where the file does not state it.
        objective_power: magnification of the scan; None where the file does not state it.
    """

    vendor: str
    width: SlidePixels
    height: SlidePixels
    um_per_px: tuple[float, float] | None
    objective_power: float | None


class SlideReader(Protocol):
    """An open slide. All pixels are uint8 RGB, with white where the scanner recorded nothing."""

    @property
    def properties(self) -> SlideProperties:
        """What the slide's file states."""
        ...

    def overview(self, max_side: int) -> np.ndarray:
        """The whole slide, small.

        Args:
            max_side: length of the longer side in pixels; a slide that is smaller is given at its own size.

        Returns:
            (height, width, 3) uint8 RGB.

        Raises:
            UnreadableSlideError: the pixels cannot be decoded.
        """
        ...

    def read_tile(self, x: SlidePixels, y: SlidePixels, *, extent: SlidePixels, size: TilePixels) -> np.ndarray:
        """A square of the slide, resampled.

        Args:
            x, y: top left corner on level 0.
            extent: side of the square on level 0.
            size: side of the result.

        Returns:
            (size, size, 3) uint8 RGB.

        Raises:
            UnreadableSlideError: the pixels cannot be decoded.
        """
        ...
