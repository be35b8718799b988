"""Use the features that another tool made of a slide: write its tile store and its features."""

from pathlib import Path
from typing import get_args

import click

from slidemill.command import run
from slidemill.features.exchange.imports import import_features
from slidemill.slides import ReaderChoice
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.units import TilePixels


@click.command(help=__doc__)
@click.option("--slide", type=Path, required=True, help="The slide's file.")
@click.option("--slide-id", required=True)
@click.option("--patient-id", required=True)
@click.option("--sheet-mpp", type=float, help="Microns per level-0 pixel; counts before what the file states.")
@click.option("--from", "features_file", type=Path, required=True, help="HDF5 file of TRIDENT, STAMP or CLAM.")
@click.option("--encoder", required=True, help="What the config calls the encoder.")
@click.option("--mpp", type=float, required=True, help="Microns per pixel of the tiles, where the file tells none.")
@click.option("--tile-size", type=int, required=True, help="Side of a tile in pixels, where the file tells none.")
@click.option("--max-background", type=float, required=True, help="Of the config; it decides on no tile here.")
@click.option("--reader", type=click.Choice(get_args(ReaderChoice)), required=True, help="As for tile_slide.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--store", type=Path, required=True, help="Tile store to write.")
@click.option("--features", type=Path, required=True, help="Features to write.")
def main(
    slide: Path,
    slide_id: str,
    patient_id: str,
    sheet_mpp: float | None,
    features_file: Path,
    encoder: str,
    mpp: float,
    tile_size: int,
    max_background: float,
    reader: ReaderChoice,
    threads: int,
    store: Path,
    features: Path,
) -> None:
    import_features(
        SlideSource(path=slide, slide_id=slide_id, patient_id=patient_id, sheet_mpp=sheet_mpp),
        TilingParameters(
            mpp=mpp, tile_size=TilePixels(tile_size), max_background=max_background, jpeg_quality=100, reader=reader
        ),
        features_file,
        encoder=encoder,
        store=store,
        features=features,
        threads=threads,
    )


if __name__ == "__main__":
    run(main)
