"""Cut a slide once more, into tiles of another size, on the tissue that was found when it was cut first."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.scratch import slide_on_scratch
from slidemill.tiling.again import tile_again
from slidemill.units import TilePixels


@click.command(help=__doc__)
@click.option("--slide", type=Path, required=True, help="The slide's file.")
@click.option("--first", type=Path, required=True, help="Read: the index of the tiles that it was cut into first.")
@click.option("--mpp", type=float, required=True, help="Microns per pixel of the tiles.")
@click.option("--tile-size", type=int, required=True, help="Side of a tile in pixels.")
@click.option("--scratch", help="Folder on a local disk: the slide is copied there first.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--store", type=Path, required=True, help="Zarr zip file to write: the index of the tiles.")
def main(slide: Path, first: Path, mpp: float, tile_size: int, scratch: str | None, threads: int, store: Path) -> None:
    with slide_on_scratch(slide, scratch) as local:
        tile_again(local, first, mpp=mpp, tile_size=TilePixels(tile_size), store=store, threads=threads)


if __name__ == "__main__":
    run(main)
