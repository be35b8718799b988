"""Write the scores of a slide over the slide as a pyramidal OME-TIFF, an image for each class."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.reporting.slide_outputs import overlay_slide


@click.command(help=__doc__)
@click.option("--slide", type=Path, required=True, help="The slide's file; not opened when the slide was set aside.")
@click.option("--store", type=Path, required=True, help="The slide's tile store (Zarr zip file).")
@click.option("--predictions", type=Path, required=True, help="The slide's predictions (Zarr zip file).")
@click.option("--mpp", type=float, required=True, help="Microns per pixel of the largest level.")
@click.option("--output", type=Path, required=True, help="OME-TIFF to write.")
def main(slide: Path, store: Path, predictions: Path, mpp: float, output: Path) -> None:
    overlay_slide(slide=slide, store_path=store, predictions_path=predictions, mpp=mpp, output=output)


if __name__ == "__main__":
    run(main)
