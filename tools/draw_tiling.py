"""Draw what tiling found on slides: tissue, the grid, and the flags of tiles. It made the pictures under docs/images.

python tools/draw_tiling.py SLIDE OUT.png
"""

import tempfile
from pathlib import Path

import click
import numpy as np
from PIL import Image, ImageDraw

from slidemill.tiling.cut import tile_slide
from slidemill.tiling.quality import QUALITY_FLAGS
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import TileStore, read_store
from slidemill.units import TilePixels

_SIDE_PX = 1000
_TISSUE = (60, 140, 90)
_COLOURS = {0: (20, 110, 60), 1: (30, 60, 220), 2: (235, 120, 0), 3: (200, 0, 160)}  # by the bits of the flags


@click.command(help=__doc__)
@click.argument("slide", type=Path)
@click.argument("out", type=Path)
@click.option("--tile-size", type=int, default=256, show_default=True)
@click.option("--mpp", type=float, default=0.5, show_default=True)
def main(slide: Path, out: Path, tile_size: int, mpp: float) -> None:
    """Tile a slide and draw the result."""
    parameters = TilingParameters(mpp, TilePixels(tile_size), max_background=0.5, jpeg_quality=85)
    with tempfile.TemporaryDirectory() as folder:
        store = Path(folder) / "s.zarr.zip"
        tile_slide(SlideSource(slide, "S", "P"), parameters, records=Path(folder) / "s.tfrecord", store=store)
        draw(read_store(store)).save(out, optimize=True)


def draw(store: TileStore) -> Image.Image:
    """The thumbnail, tissue tinted, kept tiles framed in the colour of their flags, the rest of the grid in grey."""
    facts = store.summary.slide
    if facts is None:
        raise click.ClickException(store.summary.reason)
    tinted = np.where(store.tissue_mask[..., None], 0.75 * store.thumbnail + 0.25 * np.array(_TISSUE), store.thumbnail)
    factor = _SIDE_PX / max(tinted.shape)
    size = round(tinted.shape[1] * factor), round(tinted.shape[0] * factor)
    picture = Image.fromarray(tinted.astype(np.uint8)).resize(size)
    pen = ImageDraw.Draw(picture)
    scale, extent = size[0] / facts.width, store.summary.tile_extent
    for y in range(0, facts.height - extent + 1, extent):
        for x in range(0, facts.width - extent + 1, extent):
            _frame(pen, x, y, extent, scale, (190, 190, 190), 1)
    for (x, y), flags in zip(store.coordinates.tolist(), store.quality.tolist(), strict=True):
        _frame(pen, x, y, extent, scale, _COLOURS[flags], 3)
    assert len(_COLOURS) == 2 ** len(QUALITY_FLAGS)  # noqa: S101
    return picture


def _frame(
    pen: ImageDraw.ImageDraw, x: int, y: int, extent: int, scale: float, colour: tuple[int, int, int], width: int
) -> None:
    box = (x * scale + 1, y * scale + 1, (x + extent) * scale - 2, (y + extent) * scale - 2)
    pen.rectangle(box, outline=colour, width=width)


if __name__ == "__main__":
    main()
