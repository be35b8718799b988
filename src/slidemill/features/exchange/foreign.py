"""What a feature file of another tool holds, in one form for all of them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.units import SlidePixels, TilePixels

LARGEST_FLOAT16 = float(np.finfo(np.float16).max)


class ForeignFeaturesError(SlidemillError):
    """A feature file of another tool that cannot be used."""

    def __init__(self, path: Path, reason: str, advice: str = "Make it again, or leave the slide out.") -> None:
        super().__init__(path, reason, advice)
        self.path = path
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.advice}"


@dataclass(frozen=True, slots=True)
class ForeignFeatures:
    """Features that another tool made of a slide.

    Attributes:
        path: the file.
        features: (tiles, dimension) float16.
        coordinates: (tiles, 2) float64, top left corners of the tiles, x and y, in `unit`.
        unit: "px", level-0 pixels, or "um", microns.
        side: of a tile, in `unit`; None where the file does not tell it.
        tile_size: pixels, side of the tiles that the encoder got; None where the file does not tell it.
        mpp: microns per pixel that the tiles were asked for at; None where the file does not tell it.
        slide_size: width and height of the slide in level-0 pixels; None where the file does not tell them.
        made_by: the tool and its version, as far as the file tells them.
    """

    path: Path
    features: np.ndarray
    coordinates: np.ndarray
    unit: Literal["px", "um"]
    side: float | None
    tile_size: TilePixels | None
    mpp: float | None
    slide_size: tuple[int, int] | None
    made_by: str

    def corners(self, mpp: float) -> np.ndarray:
        """(tiles, 2) int64, level-0 pixels, the top left corner of each tile.

        Args:
            mpp: microns per level-0 pixel.
        """
        scale = 1.0 if self.unit == "px" else 1.0 / mpp
        return np.rint(self.coordinates * scale).astype(np.int64)

    def extent(self, mpp: float) -> SlidePixels:
        """Side of a tile on the slide; where the file does not tell it, the smallest step of its grid.

        Args:
            mpp: microns per level-0 pixel.

        Raises:
            ForeignFeaturesError: neither tells it.
        """
        if self.side is not None:
            return SlidePixels(round(self.side if self.unit == "px" else self.side / mpp))
        corners = self.corners(mpp)
        steps = np.concatenate([np.diff(np.unique(corners[:, axis])) for axis in (0, 1)])
        if not len(steps):
            raise ForeignFeaturesError(self.path, "nothing in it tells the side of a tile")
        return SlidePixels(int(steps.min()))
