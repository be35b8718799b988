"""From a recipe to a file."""

from pathlib import Path

import numpy as np
import numpy.typing as npt

from slidemill.atomic import atomic_path
from slidemill.seeds import generator
from slidemill.slides.synthetic.aperio import TILE_PX, Level, Pixels, encode, write_svs
from slidemill.slides.synthetic.flaws import truncate
from slidemill.slides.synthetic.picture import Picture, draw_picture
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.sticker import draw_label, draw_macro
from slidemill.units import Microns

_STEP = 4  # each level of the pyramid is so much smaller than the one before
_SMALLEST_LEVEL_PX = 256
_THUMBNAIL_PX = 768


def synthesize_slide(path: Path, *, recipe: Recipe, slide_id: str, seed: int) -> None:
    """Draw a slide and write it as an Aperio SVS file that OpenSlide opens.

    The same recipe, id and seed give the same bytes in any process.

    Args:
        path: the file to write, whole or not at all; its name should end in ".svs".
        recipe: what to draw. With the flaw "truncated" the file is cut to 60% of its bytes, and no reader opens it.
        slide_id: slides of different ids differ, with the same seed too.
        seed: the cohort's seed.

    Raises:
        OSError: the file cannot be written.
    """
    picture = draw_picture(recipe, slide_id, seed)
    size = _size_px(recipe)
    full, quarter = _encode_full(picture, size)
    levels, small = [full], quarter
    while max(small.shape[:2]) >= _SMALLEST_LEVEL_PX:
        levels.append(_encode_level(small))
        small = shrink(small, _STEP)
    thumbnail = _thumbnail(quarter)
    label = draw_label(generator(seed, "synthesize", slide_id, "label"))
    with atomic_path(path) as temporary:
        write_svs(
            temporary,
            recipe=recipe,
            levels=levels,
            thumbnail=thumbnail,
            label=label,
            macro=draw_macro(thumbnail, label),
        )
        if recipe.flaw == "truncated":
            truncate(temporary)


def shrink(pixels: Pixels, factor: int) -> Pixels:
    """Means over squares of `factor` pixels a side; rows and columns that fill no square are left out."""
    height, width = (side // factor * factor for side in pixels.shape[:2])
    rows = np.zeros((height // factor, width, pixels.shape[2]), np.uint16)
    for offset in range(factor):
        rows += pixels[offset:height:factor, :width]
    sums = np.full((height // factor, width // factor, pixels.shape[2]), factor * factor // 2, np.uint16)
    for offset in range(factor):
        sums += rows[:, offset::factor]
    return (sums // (factor * factor)).astype(np.uint8)


def _size_px(recipe: Recipe) -> tuple[int, int]:
    """Height and width of the scan."""
    mpp = recipe.mpp
    return mpp.slide_pixels(Microns(recipe.height_mm * 1000)), mpp.slide_pixels(Microns(recipe.width_mm * 1000))


def _encode_full(picture: Picture, size: tuple[int, int]) -> tuple[Level, Pixels]:
    """Level 0 as JPEG tiles, and the picture at a quarter of the resolution."""
    rows, columns = -(-size[0] // TILE_PX), -(-size[1] // TILE_PX)
    side = TILE_PX // _STEP
    quarter = np.empty((rows * side, columns * side, 4), np.uint8)
    tiles: list[bytes] = []
    glass: tuple[bytes, npt.NDArray[np.uint8]] | None = None
    for row in range(rows):
        for column in range(columns):
            if picture.stained[row, column] or glass is None:
                pixels = picture.tile(row, column)
                drawn = encode(pixels), shrink(pixels, _STEP)
                if not picture.stained[row, column]:
                    glass = drawn
            else:
                drawn = glass
            tiles.append(drawn[0])
            quarter[row * side : (row + 1) * side, column * side : (column + 1) * side] = drawn[1]
    height, width = size
    return Level(width, height, tiles), quarter[: height // _STEP, : width // _STEP]


def _encode_level(pixels: Pixels) -> Level:
    height, width = pixels.shape[:2]
    padded = np.pad(pixels, ((0, -height % TILE_PX), (0, -width % TILE_PX), (0, 0)), mode="edge")
    corners = [(y, x) for y in range(0, height, TILE_PX) for x in range(0, width, TILE_PX)]
    return Level(width, height, [encode(padded[y : y + TILE_PX, x : x + TILE_PX]) for y, x in corners])


def _thumbnail(pixels: Pixels) -> Pixels:
    factor = max(1, -(-max(pixels.shape[:2]) // _THUMBNAIL_PX))
    return shrink(pixels, factor)[..., :3]
