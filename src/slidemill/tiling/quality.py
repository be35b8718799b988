"""What the pixels of a tile tell of it: how much of it is tissue, and whether it is in focus.

All measures are taken on a few of the pixels, because they are taken on every tile: together they cost a small part of
what the JPEG encoding costs.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from typing import Literal, get_args

import numpy as np

from slidemill.tiling.tissue import BLUE_OF_GLASS, RED_OF_GLASS, optical_density

QualityFlag = Literal["pen_marks", "out_of_focus"]
QUALITY_FLAGS: tuple[QualityFlag, ...] = get_args(QualityFlag)

_POINTS = 32  # along each side of a tile, whose colour is measured
_ROW_STEP = 64  # focus is measured on one row in so many
_NEAR_UM = 0.5
_FAR_STEPS = 8  # of `_NEAR_UM`
_LEAST_CONTRAST = 1.5  # grey levels over the greater distance; below it nothing tells sharp from blurred

_INKED = 0.01  # of a tile's area
_BLURRED = 0.17  # sharpness; measured: 0.2 to 0.5 in focus, 0.13 to 0.17 with a blur of 1.5 um (sigma)


@dataclass(frozen=True, slots=True)
class TileMeasures:
    """What was measured on a tile.

    Attributes:
        tissue_fraction: share of its area that is tissue.
        ink_fraction: share of its area under marks of a pen.
        sharpness: difference of neighbouring pixels over that of pixels farther apart; 1 where there is no contrast.
    """

    tissue_fraction: float
    ink_fraction: float
    sharpness: float

    @property
    def flags(self) -> tuple[QualityFlag, ...]:
        """What is wrong with the tile."""
        found = {"pen_marks": self.ink_fraction > _INKED, "out_of_focus": self.sharpness < _BLURRED}
        return tuple(flag for flag in QUALITY_FLAGS if found[flag])


def stained_points(tile: np.ndarray, threshold: float, *, has_other_stains: bool = False) -> np.ndarray:
    """Which points of a tile are stained; their share is that of the area (point counting, as in stereology).

    Args:
        tile: (size, size, 3) uint8 RGB.
        threshold: the slide's optical density between glass and stain.
        has_other_stains: whether to look for stains that absorb red or blue most as well.

    Returns:
        (points, points) bool, evenly spaced from edge to edge, about 32 along each side.
    """
    step = max(1, tile.shape[0] // _POINTS)
    red, green, blue = (tile[step // 2 :: step, step // 2 :: step, channel] for channel in range(3))
    # As in `stain_density` and `other_density`; the smaller density is that of the brighter colour.
    by_green = np.asarray(green < _stained_level(threshold).take(np.maximum(red, blue)))
    if not has_other_stains:
        return by_green
    by_red = red < _stained_level(threshold + RED_OF_GLASS).take(np.maximum(green, blue))
    by_blue = blue < _stained_level(threshold + BLUE_OF_GLASS).take(np.maximum(red, green))
    return np.asarray(by_green | by_red | by_blue)


@cache
def _stained_level(threshold: float) -> np.ndarray:
    """(256,) uint8: for each brightness of the brighter of two colours, that of the third where stain ends."""
    density = optical_density(np.arange(256))
    return np.count_nonzero(density[None, :] - density[:, None] > threshold, axis=1).astype(np.uint8)


def sharpness_of(tile: np.ndarray, mpp: float) -> float:
    """How much a tile changes over half a micron, against how much it changes over four.

    The ratio does not depend on how strongly the tissue is stained. A straight ramp gives 1/8, noise gives 1.

    Args:
        tile: (size, size, 3) uint8 RGB.
        mpp: microns per pixel.
    """
    near_px = min(max(1, round(_NEAR_UM / mpp)), max(1, tile.shape[1] // (4 * _FAR_STEPS)))
    green = tile[_ROW_STEP // 2 :: _ROW_STEP, :, 1].astype(np.int16)
    far = _mean_change(green, _FAR_STEPS * near_px)
    return _mean_change(green, near_px) / far if far >= _LEAST_CONTRAST else 1.0


def _mean_change(rows: np.ndarray, distance: int) -> float:
    change = rows[:, distance:] - rows[:, :-distance]
    return int(np.abs(change, out=change).sum()) / change.size


def flag_bits(flags: Iterable[QualityFlag]) -> int:
    """Flags as one number, as the tile store holds them: 1 for pen marks, 2 for out of focus."""
    return sum(1 << QUALITY_FLAGS.index(flag) for flag in flags)
