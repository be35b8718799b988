"""Drawn tissue in squares that large slides of any layout are put together from.

Drawing gigapixels would take hours. What a reader does with a tile does not depend on whether it has met its bytes
before, so that repeated tiles cost what different ones would.
"""

import tempfile
from pathlib import Path

import numpy as np

from slidemill.slides import open_slide, read_square
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide
from slidemill.units import SlidePixels, TilePixels

BLOCK_PX = 4096  # side of a drawn square
_MPP = 0.5
_DRAWN = ("glands", "nests", "alveoli", "none")
_PATTERN = (0, 1, 3, 2, 0, 3)  # of the drawn slides, one step further in each row: half of the squares hold tissue


def drawn_blocks(folder: Path) -> np.ndarray:
    """The pixels of four drawn squares: (4, 4096, 4096, 3) uint8 RGB; kept in a folder for the next slide."""
    kept = folder / "blocks.npy"
    if not kept.exists():
        np.save(kept, _draw())
    return np.asarray(np.load(kept, mmap_mode="r"))


def _draw() -> np.ndarray:
    side_mm = BLOCK_PX * _MPP / 1000
    blocks = []
    with tempfile.TemporaryDirectory() as folder:
        for tissue in _DRAWN:
            path = Path(folder) / f"{tissue}.svs"
            synthesize_slide(path, recipe=Recipe.parse(f"{tissue} 20x {side_mm}x{side_mm}mm"), slide_id=tissue, seed=1)
            with open_slide(path, "direct") as slide:
                extent, size = SlidePixels(BLOCK_PX), TilePixels(BLOCK_PX)
                blocks.append(read_square(slide, SlidePixels(0), SlidePixels(0), extent=extent, size=size))
    return np.stack(blocks)


def block_at(row: int, column: int) -> int:
    """Which of the drawn squares lies in a row and a column of squares."""
    return _PATTERN[(2 * row + column) % len(_PATTERN)]
