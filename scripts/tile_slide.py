"""Cut a slide into tissue tiles: their index and, where it is asked for, their pixels in a TFRecord file."""

import gc
from pathlib import Path

import click
from tiling_options import tiling_options

from slidemill.command import run
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters


@click.command(help=__doc__)
@tiling_options
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--store", type=Path, required=True, help="Zarr zip file to write: the index of the tiles.")
@click.argument("records", type=Path, required=False)  # TFRecord file to write; without it no pixel is encoded
def main(source: SlideSource, parameters: TilingParameters, threads: int, store: Path, records: Path | None) -> None:
    gc.freeze()  # modules stay for as long as the process: they need no looking through
    tile_slide(source, parameters, records=records, store=store, threads=threads)


if __name__ == "__main__":
    run(main)
