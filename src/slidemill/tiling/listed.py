"""Tiles at places that somebody has listed, in the place of a grid over the tissue."""

from dataclasses import replace

import numpy as np

from slidemill.tiling.survey import Survey
from slidemill.units import SlidePixels


def around(survey: Survey, centres: np.ndarray) -> Survey:
    """The survey of a slide with other candidates: tiles of the same size around places.

    Tiles that reach over an edge of the slide are left out; the overview drops none, as it does of a grid.

    Args:
        survey: what is known of the slide.
        centres: (places, 2) int64, x and y in level-0 pixels, ordered row by row.
    """
    facts, extent = survey.facts, survey.grid.extent
    corners = corners_of(centres, extent)
    inside = ((corners >= 0) & (corners + extent <= (facts.width, facts.height))).all(axis=1)
    corners = corners[inside]

    def share_of(mask: np.ndarray) -> np.ndarray:
        return covered_share(mask, corners, extent, (facts.width, facts.height))

    return replace(
        survey,
        candidates=corners,
        tissue_fraction=share_of(survey.areas.tissue),
        ink_fraction=share_of(survey.areas.ink),
        hole_fraction=share_of(survey.areas.holes),
    )


def corners_of(centres: np.ndarray, extent: SlidePixels) -> np.ndarray:
    """Top left corners of tiles around places; of an even side the middle is the pixel right below its middle."""
    return np.asarray(centres - extent // 2)


def covered_share(
    mask: np.ndarray, corners: np.ndarray, extent: SlidePixels, size: tuple[SlidePixels, SlidePixels]
) -> np.ndarray:
    """Share of the area of tiles that a mask of the whole slide covers, exactly.

    Args:
        mask: (mask height, mask width) bool, stretched over the slide.
        corners: (tiles, 2) int64, level-0 pixels.
        extent: side of a tile.
        size: width and height of the slide.

    Returns:
        (tiles,) float32.
    """
    # What the mask covers left of and above a point is bilinear inside each of its pixels.
    covered = np.pad(mask.cumsum(axis=0, dtype=np.int64).cumsum(axis=1), ((1, 0), (1, 0))).astype(np.float64)
    scale = np.array([mask.shape[1] / size[0], mask.shape[0] / size[1]])
    left, top = (corners * scale).T
    right, bottom = ((corners + extent) * scale).T
    area = (right - left) * (bottom - top)
    inside = (
        _at(covered, right, bottom) - _at(covered, left, bottom) - _at(covered, right, top) + _at(covered, left, top)
    )
    return np.asarray(np.clip(inside / area, 0.0, 1.0), np.float32)


def _at(values: np.ndarray, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Values between the nodes of a grid, bilinear."""
    column = np.minimum(x.astype(np.int64), values.shape[1] - 2)
    row = np.minimum(y.astype(np.int64), values.shape[0] - 2)
    across, down = x - column, y - row
    upper = values[row, column] * (1 - across) + values[row, column + 1] * across
    lower = values[row + 1, column] * (1 - across) + values[row + 1, column + 1] * across
    return np.asarray(upper * (1 - down) + lower * down)
