"""Picture what a model says of a slide: a PNG with a panel for each class, a GeoJSON for QuPath, typical tiles."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.reporting.slide_outputs import Pictures, picture_slide


@click.command(help=__doc__)
@click.option("--slide", type=Path, required=True, help="The slide's file; not opened when the slide was set aside.")
@click.option("--store", type=Path, required=True, help="The slide's tile store (Zarr zip file).")
@click.option("--predictions", type=Path, required=True, help="The slide's predictions (Zarr zip file).")
@click.option("--outlines", type=Path, help="The slide's annotated classes (GeoJSON).")
@click.option("--mpp", type=float, required=True, help="Microns per pixel of the picture.")
@click.option("--png", type=Path, required=True, help="Picture to write.")
@click.option("--geojson", type=Path, required=True, help="GeoJSON to write.")
@click.option("--preview", type=Path, required=True, help="Small picture of the panels to write, JPEG.")
@click.option("--tiles", type=Path, required=True, help="Most and least typical tiles to write, JPEG.")
def main(
    slide: Path,
    store: Path,
    predictions: Path,
    outlines: Path | None,
    mpp: float,
    png: Path,
    geojson: Path,
    preview: Path,
    tiles: Path,
) -> None:
    picture_slide(
        slide=slide,
        store_path=store,
        predictions_path=predictions,
        outlines_path=outlines,
        mpp=mpp,
        pictures=Pictures(png, geojson, preview=preview, tiles=tiles),
    )


if __name__ == "__main__":
    run(main)
