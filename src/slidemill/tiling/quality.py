"""What the pixels of a tile tell of it: how much of it is tissue, and whether it is in focus.

All measures are taken on a few of the pixels, because they are taken on every tile: together they cost a small part of
what the JPEG encoding costs.
"""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from slidemill.tiling.tissue import optical_density_of_sums, stain_density

QualityFlag = Literal["pen_marks", "out_of_focus"]
QUALITY_FLAGS: tuple[QualityFlag, ...] = get_args(QualityFlag)

BLOCK_PX = 8  # side of the blocks of a tile whose colour is measured
_SAMPLES_PER_BLOCK = 2  # along each side
_ROW_STEP = 16  # focus is measured on one row in so many
_FAR_PX = 8
_LEAST_CONTRAST = 1.5  # grey levels over `_FAR_PX`; below it nothing tells sharp from blurred

_INKED = 0.01  # of a tile's area
_BLURRED = 0.22  # sharpness; of tissue in focus it is 0.35 and more


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


def stained_blocks(tile: np.ndarray, threshold: float) -> np.ndarray:
    """Which blocks of a tile are stained.

    Args:
        tile: (size, size, 3) uint8 RGB.
        threshold: the slide's optical density between glass and stain.

    Returns:
        (size / 8, size / 8) bool; pixels that fill no block are left out.
    """
    side = tile.shape[0] // BLOCK_PX * BLOCK_PX
    step = BLOCK_PX // _SAMPLES_PER_BLOCK
    samples = tile[step // 2 : side : step, step // 2 : side : step]
    rows = samples[0::2].astype(np.uint16) + samples[1::2]
    sums = rows[:, 0::2] + rows[:, 1::2]
    return np.asarray(stain_density(optical_density_of_sums(sums, _SAMPLES_PER_BLOCK**2)) > threshold)


def sharpness_of(tile: np.ndarray) -> float:
    """How fast a tile changes from pixel to pixel, against how much it changes over eight pixels.

    The ratio does not depend on how strongly the tissue is stained. Blur of a sigma of two pixels halves it.

    Args:
        tile: (size, size, 3) uint8 RGB.
    """
    green = tile[_ROW_STEP // 2 :: _ROW_STEP, :, 1].astype(np.int16)
    far = float(np.abs(green[:, _FAR_PX:] - green[:, :-_FAR_PX]).mean())
    if far < _LEAST_CONTRAST:
        return 1.0
    return float(np.abs(green[:, 1:] - green[:, :-1]).mean()) / far


def flag_bits(flags: tuple[QualityFlag, ...]) -> int:
    """Flags as one number, as the tile store holds them: 1 for pen marks, 2 for out of focus."""
    return sum(1 << QUALITY_FLAGS.index(flag) for flag in flags)
