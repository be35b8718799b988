"""Outlines of annotated regions over a picture of the slide."""

from collections.abc import Iterator, Mapping

import numpy as np
import shapely
from PIL import Image, ImageDraw

from slidemill.slides import to_viewer
from slidemill.tiling.store import SlideFacts

_LINE = (255, 230, 0)
_RIM = (40, 40, 40)  # so that the line is seen on every colour


def draw_outlines(picture: np.ndarray, areas: Mapping[str, shapely.Geometry], slide: SlideFacts) -> np.ndarray:
    """Draw the rings of all areas over a picture of all that viewers show of the slide.

    Args:
        picture: (height, width, 3) uint8 RGB; it is not changed.
        areas: level-0 pixels of OpenSlide.
        slide: its size and bounds.
    Returns:
        The picture with the outlines; the same array where there are none.
    """
    rings = list(_rings(areas))
    if not rings:
        return picture
    image = Image.fromarray(picture)
    pen = ImageDraw.Draw(image)
    scale = np.array([picture.shape[1] / slide.shown_size[0], picture.shape[0] / slide.shown_size[1]])
    width = max(2, round(max(picture.shape) / 400))
    lines = [[tuple(point) for point in (to_viewer(ring, slide.bounds) * scale).tolist()] for ring in rings]
    for colour, own_width in ((_RIM, width + 2), (_LINE, width)):
        for line in lines:
            pen.line(line, fill=colour, width=own_width, joint="curve")
    return np.asarray(image)


def _rings(areas: Mapping[str, shapely.Geometry]) -> Iterator[np.ndarray]:
    for area in areas.values():
        for polygon in shapely.get_parts(area):
            for ring in (polygon.exterior, *polygon.interiors):
                yield shapely.get_coordinates(ring)
