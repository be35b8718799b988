"""Tile scores as colours over a picture of the slide, exact to the pixel.

A tile covers, in the picture, the pixels between its level-0 edges scaled to the picture and rounded. Both edges are
rounded in the same way, so neighbours share an edge: no gap and no overlap, whatever the scale.
"""

from functools import cache

import numpy as np

from slidemill.units import SlidePixels

_COLORMAP = "viridis"  # perceptually uniform, and told apart by colour-blind readers
_OPACITY = 0.65
_LEVELS = 256
_HATCH_DISTANCE_PX = 7
_HATCH_GREY = 120


def tile_numbers(
    coordinates: np.ndarray,
    tile_extent: SlidePixels,
    *,
    slide_size: tuple[SlidePixels, SlidePixels],
    picture_size: tuple[int, int],
) -> np.ndarray:
    """Say for each pixel of a picture of a slide which tile lies there.

    Args:
        coordinates: (tiles, 2) int64, x and y of the top left corners, level-0 pixels from the corner of the picture.
        tile_extent: side of a tile on the slide.
        slide_size: width and height of what the picture shows, level-0 pixels.
        picture_size: width and height of the picture, in its own pixels.
    Returns:
        (height, width) int32, the place of the tile in `coordinates`, -1 where there is none.
    """
    width, height = picture_size
    numbers = np.full((height, width), -1, dtype=np.int32)
    starts, ends = (
        np.maximum(_scaled(places, slide_size, picture_size), 0).tolist()
        for places in (coordinates, coordinates + int(tile_extent))
    )
    for number, ((left, top), (right, bottom)) in enumerate(zip(starts, ends, strict=True)):
        numbers[top:bottom, left:right] = number
    return numbers


def colour_tiles(picture: np.ndarray, numbers: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Blend the scores of one class over a picture; what is not scored stays as it is.

    Below a score the picture is turned grey, so that its stain does not mix with the colour of the score.

    Args:
        picture: (height, width, 3) uint8 RGB.
        numbers: (height, width) int32, from `tile_numbers`.
        scores: (tiles,) float, 0 to 1.
    Returns:
        (height, width, 3) uint8 RGB, a new array.
    """
    coloured = picture.copy()
    is_scored = numbers >= 0
    colours = score_colours(scores)[numbers[is_scored]]
    coloured[is_scored] = _blended(colours, _grey(picture[is_scored]))
    return coloured


def excluded_tiles(
    coordinates: np.ndarray, tile_extent: SlidePixels, *, slide_size: tuple[SlidePixels, SlidePixels]
) -> np.ndarray:
    """Corners of the full tiles of the slide's grid that are not among `coordinates`: (tiles, 2) int64."""
    columns, rows = (int(side) // int(tile_extent) for side in slide_size)
    is_kept = np.zeros((rows, columns), dtype=np.bool_)
    places = np.asarray(coordinates, np.int64) // int(tile_extent)
    is_kept[places[:, 1], places[:, 0]] = True
    return np.argwhere(~is_kept)[:, ::-1] * int(tile_extent)


def hatch_tiles(picture: np.ndarray, numbers: np.ndarray) -> np.ndarray:
    """Draw thin diagonals over tiles that were left out: a new (height, width, 3) uint8 RGB array.

    Args:
        picture: (height, width, 3) uint8 RGB.
        numbers: (height, width) int32, from `tile_numbers` for the tiles that were left out.
    """
    rows, columns = np.arange(numbers.shape[0])[:, None], np.arange(numbers.shape[1])
    is_line = (numbers >= 0) & ((rows + columns) % _HATCH_DISTANCE_PX == 0)
    hatched = picture.copy()
    hatched[is_line] = (picture[is_line].astype(np.uint16) + 2 * _HATCH_GREY) // 3
    return hatched


def colour_bar(width: int, height: int) -> np.ndarray:
    """The colours of the scores 0 (left) to 1, as they look over light tissue: (height, width, 3) uint8."""
    colours = score_colours(np.linspace(0, 1, width))
    return np.tile(_blended(colours, np.full((width, 1), 220, np.uint8)), (height, 1, 1))


def score_colours(scores: np.ndarray) -> np.ndarray:
    """Colours of (tiles,) scores from 0 to 1, before blending: (tiles, 3) uint8."""
    return _palette()[np.rint(np.asarray(scores, np.float64) * (_LEVELS - 1)).astype(np.int64)]


@cache
def _palette() -> np.ndarray:
    from matplotlib import colormaps  # here, because only pictures need it

    return colormaps[_COLORMAP](np.arange(_LEVELS), bytes=True)[:, :3]


def _scaled(
    points: np.ndarray, slide_size: tuple[SlidePixels, SlidePixels], picture_size: tuple[int, int]
) -> np.ndarray:
    """Scale level-0 points to the picture, rounded half up, in whole numbers: no error grows with the slide."""
    slide, picture = np.asarray(slide_size, np.int64), np.asarray(picture_size, np.int64)
    return (2 * points * picture + slide) // (2 * slide)


def _grey(pixels: np.ndarray) -> np.ndarray:
    """Luma of (pixels, 3) RGB as (pixels, 1) uint8. Source: ITU-R BT.601."""
    return np.rint(pixels @ np.array([0.299, 0.587, 0.114], np.float32)).astype(np.uint8)[:, None]


def _blended(colours: np.ndarray, ground: np.ndarray) -> np.ndarray:
    mixed = np.float32(_OPACITY) * colours + np.float32(1 - _OPACITY) * ground
    return np.rint(mixed).astype(np.uint8)
