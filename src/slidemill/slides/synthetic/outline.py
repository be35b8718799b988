"""Where on the glass the tissue lies."""

from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from slidemill.slides.synthetic.fields import Field, enlarge, smooth_noise

_CANVAS_STEP_UM = 128  # a whole number of tiles at each power, so that both powers draw on the same canvas
_STEP_UM = 8  # cell of the coarse outline
_FEATHER_UM = 4.0  # the edge of the section fades over this length


def canvas_of(area: tuple[int, int]) -> tuple[int, int]:
    """Height and width of what is drawn for a scanned area, microns."""
    height, width = (-(-side // _CANVAS_STEP_UM) * _CANVAS_STEP_UM for side in area)
    return height, width


def draw_outline(rng: np.random.Generator, area: tuple[int, int], canvas: tuple[int, int]) -> Field:
    """Cover of one or two irregular pieces of tissue that fill 42 to 58% of the scanned area.

    Args:
        rng: draws the shape.
        area: height and width of the scanned area in microns.
        canvas: the same for the array to fill, at least as large.

    Returns:
        `canvas`, one cell per micron: 0 on glass, 1 on tissue, between at the edge.
    """
    coarse = (area[0] // _STEP_UM, area[1] // _STEP_UM)
    height = _landscape(rng, coarse)
    inside = height > np.quantile(height, 1 - rng.uniform(0.42, 0.58))
    inside = _without_crumbs(inside)
    depth_um = ndimage.gaussian_filter(_signed_distance(inside) * _STEP_UM, 1.0).astype(np.float32)
    fine = np.full(canvas, -100.0, np.float32)
    depth = enlarge(depth_um, _STEP_UM)
    fine[: depth.shape[0], : depth.shape[1]] = depth
    fine += 5.0 * smooth_noise(rng, canvas, 24) + 2.5 * smooth_noise(rng, canvas, 6)
    return np.clip(fine / _FEATHER_UM + 0.5, 0, 1)


def _landscape(rng: np.random.Generator, shape: tuple[int, int]) -> Field:
    """Hills whose upper part becomes tissue: one or two, with ragged slopes, low at the rim of the slide."""
    y, x = np.meshgrid(np.linspace(-1, 1, shape[0]), np.linspace(-1, 1, shape[1]), indexing="ij")
    if rng.random() < 0.5:
        hills = [(rng.uniform(-0.1, 0.1), rng.uniform(-0.1, 0.1), 0.85, 0.85)]
    else:
        side = rng.choice([-1.0, 1.0])
        hills = [
            (rng.uniform(-0.15, 0.15), side * rng.uniform(0.40, 0.48), 0.8, 0.42),
            (rng.uniform(-0.15, 0.15), -side * rng.uniform(0.40, 0.48), 0.7, 0.40),
        ]
    peaks = [-((y - cy) ** 2) / b**2 - (x - cx) ** 2 / a**2 for cy, cx, b, a in hills]
    rim = np.maximum(np.abs(y), np.abs(x)) ** 12
    noise = 0.30 * smooth_noise(rng, shape, 50) + 0.12 * smooth_noise(rng, shape, 16)
    return (np.max(peaks, axis=0) - 2.0 * rim + noise).astype(np.float32)


def _without_crumbs(inside: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    pieces, _ = ndimage.label(inside)
    sizes = np.bincount(pieces.ravel())
    sizes[0] = 0
    return sizes[pieces] >= 0.1 * sizes.max()


def _signed_distance(inside: npt.NDArray[np.bool_]) -> npt.NDArray[Any]:
    return ndimage.distance_transform_edt(inside) - ndimage.distance_transform_edt(~inside)
