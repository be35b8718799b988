"""The lengths of a whole-slide image as types, so that no number is without its unit and its frame."""

from dataclasses import dataclass
from typing import NewType

from slidemill.errors import SlidemillError

Microns = NewType("Microns", float)  # a length on the tissue
SlidePixels = NewType("SlidePixels", int)  # level-0 pixels of the scan
TilePixels = NewType("TilePixels", int)  # pixels of a tile as it is stored

_SMALLEST_MPP = 0.05
_LARGEST_MPP = 50.0


class ResolutionError(SlidemillError):
    """A resolution that no microscope has."""


@dataclass(frozen=True, slots=True)
class Mpp:
    """Microns of tissue under the side of one pixel."""

    um_per_px: float

    def __post_init__(self) -> None:
        if not _SMALLEST_MPP <= self.um_per_px <= _LARGEST_MPP:  # also refuses NaN
            raise ResolutionError(
                f"{self.um_per_px} um per pixel: expected {_SMALLEST_MPP} to {_LARGEST_MPP}. Correct the value."
            )

    @classmethod
    def of_objective(cls, power: float) -> "Mpp":
        """The usual resolution of a scan with an objective of this power: 0.5 um per pixel at 20x, 0.25 at 40x."""
        return cls(10.0 / power)

    def microns(self, side: SlidePixels | TilePixels) -> Microns:
        """Length on the tissue of `side` pixels of this resolution."""
        return Microns(side * self.um_per_px)

    def slide_pixels(self, length: Microns) -> SlidePixels:
        """The whole number of level-0 pixels nearest to `length`, where this is the slide's level-0 resolution."""
        return SlidePixels(round(length / self.um_per_px))
