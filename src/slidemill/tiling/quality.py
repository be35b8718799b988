"""What the pixels of a tile tell of it: how much of it is tissue, and whether it is in focus.

All measures are taken on a few of the pixels, because they are taken on every tile: together they cost a small part of
what the JPEG encoding costs. Between decoding and encoding each call of NumPy finds neither its code nor its data in
the processor's cache and takes several times as long as it would alone, so that what can wait is measured on many tiles
at once.
"""

from collections.abc import Iterable
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


def focus_rows(tile: np.ndarray) -> np.ndarray:
    """The pixels of a tile on which its focus is measured: green of some of its rows, (rows, size) uint8.

    Args:
        tile: (size, size, 3) uint8 RGB.
    """
    return tile[_ROW_STEP // 2 :: _ROW_STEP, :, 1].copy()


def sharpness_of(rows: np.ndarray, mpp: float) -> np.ndarray:
    """How much tiles change over half a micron, against how much they change over four; 1 where there is no contrast.

    The ratio does not depend on how strongly the tissue is stained. A straight ramp gives 1/8, noise gives 1.

    Args:
        rows: (tiles, rows, size) uint8, the `focus_rows` of each.
        mpp: microns per pixel.

    Returns:
        (tiles,) float64.
    """
    near_px = min(max(1, round(_NEAR_UM / mpp)), max(1, rows.shape[2] // (4 * _FAR_STEPS)))
    green = rows.astype(np.int16)
    far, near = _mean_change(green, _FAR_STEPS * near_px), _mean_change(green, near_px)
    return np.divide(near, far, out=np.ones_like(far), where=far >= _LEAST_CONTRAST)


def _mean_change(rows: np.ndarray, distance: int) -> np.ndarray:
    """(tiles,) float64, for (tiles, rows, size) int16."""
    change = rows[:, :, distance:] - rows[:, :, :-distance]
    return np.asarray(np.abs(change, out=change).sum(axis=(1, 2)) / change[0].size)


def quality_bits(ink_fraction: np.ndarray, sharpness: np.ndarray) -> np.ndarray:
    """What is wrong with tiles, by `flag_bits`: (tiles,) uint8.

    Args:
        ink_fraction: (tiles,) float, share of the area of each under marks of a pen.
        sharpness: (tiles,) float, see `sharpness_of`.
    """
    found: dict[QualityFlag, np.ndarray] = {
        "pen_marks": ink_fraction.astype(np.float64) > _INKED,
        "out_of_focus": sharpness < _BLURRED,
    }
    return np.sum([is_set * flag_bits([flag]) for flag, is_set in found.items()], axis=0).astype(np.uint8)


def flag_bits(flags: Iterable[QualityFlag]) -> int:
    """Flags as one number, as the tile store holds them: 1 for pen marks, 2 for out of focus."""
    return sum(1 << QUALITY_FLAGS.index(flag) for flag in flags)


def flag_counts(quality: np.ndarray) -> dict[str, int]:
    """How many tiles have each flag, without those that none has; for (tiles,) `flag_bits`."""
    counts: dict[str, int] = {flag: int(np.count_nonzero(quality & flag_bits([flag]))) for flag in QUALITY_FLAGS}
    return {flag: count for flag, count in counts.items() if count}
