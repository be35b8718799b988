"""The part of a slide that holds what was scanned, and places in the frame that viewers show.

Some scanners' files (MIRAX, Leica SCN and others) are a canvas of which only a part was scanned. OpenSlide counts
pixels from the corner of the canvas, and so does every tile store; QuPath and others show the part alone and count from
its corner. Whatever is written for a viewer, or read from one, goes through the two functions here.
"""

from typing import NamedTuple

import numpy as np


class Bounds(NamedTuple):
    """A part of a slide in level-0 pixels: its top left corner and its size."""

    x: int
    y: int
    width: int
    height: int


def to_viewer(points: np.ndarray, bounds: Bounds | None) -> np.ndarray:
    """Places as viewers count them, from places on level 0.

    Args:
        points: (points, 2), x and y.
        bounds: of the slide, None where all of it was scanned.
    """
    return points if bounds is None else points - np.array(bounds[:2], points.dtype)


def from_viewer(points: np.ndarray, bounds: Bounds | None) -> np.ndarray:
    """Places on level 0, from places as viewers count them; the inverse of `to_viewer`."""
    return points if bounds is None else points + np.array(bounds[:2], points.dtype)


def shown_part(picture: np.ndarray, size: tuple[int, int], bounds: Bounds | None) -> np.ndarray:
    """The part of a picture of a whole slide that viewers show, to the nearest pixel.

    Args:
        picture: (height, width, ...), the whole slide.
        size: width and height of level 0.
        bounds: of the slide, None where all of it was scanned.
    """
    if bounds is None or not picture.size:
        return picture
    rows, columns = picture.shape[:2]
    left, right = (round(x * columns / size[0]) for x in (bounds.x, bounds.x + bounds.width))
    top, bottom = (round(y * rows / size[1]) for y in (bounds.y, bounds.y + bounds.height))
    left, top = min(left, columns - 1), min(top, rows - 1)
    return picture[top : max(bottom, top + 1), left : max(right, left + 1)]
