"""Builds a large slide in half a minute: the encoded tiles of a few small drawn slides, repeated.

Drawing gigapixels would take hours. What a reader does with a tile does not depend on whether it has met its bytes
before, so that repeated tiles cost what different ones would.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import simplejpeg

from slidemill.atomic import atomic_path
from slidemill.slides.synthetic.aperio import TILE_PX, Level, write_svs
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide
from slidemill.slides.tiff_file import open_tiff
from slidemill.slides.tiff_slide import read_tiff_slide

BLOCK_PX = 4096  # side of a drawn slide: 16, 4 and 1 tiles of its three levels
_QUALITY = 92  # gives tiles of 20 kB, as real tissue has them
_DRAWN = ("glands", "nests", "alveoli", "none")
_PATTERN = (0, 1, 3, 2, 0, 3)  # of the drawn slides, one step further in each row: a third of the slide is tissue


@dataclass(frozen=True, slots=True)
class _Block:
    """The tiles of a drawn slide: for each level, rows of columns of JPEG tiles."""

    levels: tuple[list[list[bytes]], ...]


def build_large_slide(path: Path, *, side_px: int, power: int) -> None:
    """Write an SVS file of about `side_px` pixels a side.

    Args:
        path: the file to write.
        side_px: rounded to a multiple of 4096.
        power: 20 or 40, what the file states as its objective.
    """
    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        blocks = [_draw(Path(folder) / f"{tissue}.svs", tissue) for tissue in _DRAWN]
    across = max(1, round(side_px / BLOCK_PX))
    plan = [[blocks[_PATTERN[(2 * row + column) % len(_PATTERN)]] for column in range(across)] for row in range(across)]
    levels = [_assembled(plan, level, across) for level in range(3)]
    picture = np.full((64, 64, 3), 240, np.uint8)
    with atomic_path(path) as temporary:
        write_svs(
            temporary,
            recipe=Recipe("glands", 40 if power == 40 else 20, 1.0, 1.0),
            levels=levels,
            thumbnail=picture,
            label=picture,
            macro=picture,
        )


def _draw(path: Path, tissue: str) -> _Block:
    side_mm = BLOCK_PX * 0.5 / 1000
    synthesize_slide(path, recipe=Recipe.parse(f"{tissue} 20x {side_mm}x{side_mm}mm"), slide_id=tissue, seed=1)
    with open_tiff(path) as file:
        assert file is not None
        levels = []
        for level in read_tiff_slide(file).levels[:3]:
            places = zip(level.offsets.tolist(), level.counts.tolist(), strict=True)
            tiles = [_encoded_again(file.read(*place)) for place in places]
            levels.append([tiles[first : first + level.columns] for first in range(0, len(tiles), level.columns)])
    return _Block(tuple(levels))


def _encoded_again(tile: bytes) -> bytes:
    return bytes(simplejpeg.encode_jpeg(simplejpeg.decode_jpeg(tile), _QUALITY, "RGB", "420"))


def _assembled(plan: list[list[_Block]], level: int, across: int) -> Level:
    tiles = []
    for blocks in plan:
        for row in range(len(blocks[0].levels[level])):
            tiles += [tile for block in blocks for tile in block.levels[level][row]]
    side = across * len(plan[0][0].levels[level]) * TILE_PX
    return Level(side, side, tiles)
