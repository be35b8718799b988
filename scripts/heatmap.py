"""Picture what a model says of a slide: a PNG with a panel for each class, and a GeoJSON for QuPath."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.reporting.slide_outputs import picture_slide


@click.command(help=__doc__)
@click.option("--slide", type=Path, required=True, help="The slide's file; not opened when the slide was set aside.")
@click.option("--store", type=Path, required=True, help="The slide's tile store (Zarr zip file).")
@click.option("--predictions", type=Path, required=True, help="The slide's predictions (Zarr zip file).")
@click.option("--mpp", type=float, required=True, help="Microns per pixel of the picture.")
@click.option("--png", type=Path, required=True, help="Picture to write.")
@click.option("--geojson", type=Path, required=True, help="GeoJSON to write.")
def main(slide: Path, store: Path, predictions: Path, mpp: float, png: Path, geojson: Path) -> None:
    picture_slide(
        slide=slide,
        store_path=store,
        predictions_path=predictions,
        mpp=mpp,
        png=png,
        geojson=geojson,
    )


if __name__ == "__main__":
    run(main)
