"""The most and the least typical tiles of a slide for each class, on one JPEG; galleries are cut from these sheets.

Two rows for each class, in the order of the classes: the tiles with the highest scores, then those with the lowest.
"""

import io
from pathlib import Path

import numpy as np
from PIL import Image

from slidemill.atomic import write_bytes
from slidemill.evaluation.top_tiles import PER_SLIDE, extreme_tiles
from slidemill.inference.store import Predictions
from slidemill.slides import SlideReader, read_square
from slidemill.units import SlidePixels, TilePixels

CELL_PX = TilePixels(176)
_QUALITY = 90


def write_tile_sheet(path: Path, reader: SlideReader | None, predictions: Predictions) -> None:
    """Read the tiles from the slide and write their sheet, atomically; a slide set aside gives an empty one.

    Args:
        path: the JPEG.
        reader: the slide; None for one that was set aside.
        predictions: the scores of its tiles.
    Raises:
        UnreadableSlideError: the slide cannot be read (any more).
    """
    sheet = Image.new("RGB", (PER_SLIDE * CELL_PX, 2 * len(predictions.classes) * CELL_PX), "white")
    if reader is not None:
        for place in range(len(predictions.classes)):
            for lowest in (False, True):
                tiles = extreme_tiles(predictions.relevance()[:, place], highest=not lowest)
                for column, tile in enumerate(tiles):
                    cell = Image.fromarray(_read(reader, predictions, tile))
                    sheet.paste(cell, (column * CELL_PX, (2 * place + lowest) * CELL_PX))
    content = io.BytesIO()
    sheet.save(content, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    write_bytes(path, content.getvalue())


def read_cell(path: Path, *, place: int, lowest: bool, rank: int) -> Image.Image:
    """One tile of a sheet.

    Args:
        path: the sheet.
        place: of the class in the order of classes.
        lowest: whether a tile with a low score of the class is meant.
        rank: 1 for the most extreme tile of the slide.
    """
    left, top = (rank - 1) * CELL_PX, (2 * place + lowest) * CELL_PX
    with Image.open(path) as sheet:
        return sheet.crop((left, top, left + CELL_PX, top + CELL_PX))


def _read(reader: SlideReader, predictions: Predictions, tile: int) -> np.ndarray:
    x, y = predictions.coordinates[tile].tolist()
    return read_square(reader, SlidePixels(x), SlidePixels(y), extent=predictions.tile_extent, size=CELL_PX)
