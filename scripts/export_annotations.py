"""Write the annotations of a slide, whichever program wrote them, as GeoJSON for QuPath."""

from pathlib import Path

import click

from slidemill.annotations.export import export_annotations
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--store", type=Path, required=True, help="Read: the index of the slide's tiles.")
@click.option("--annotation", type=Path, required=True, help="Read: the slide's annotations.")
@click.option("--output", type=Path, required=True, help="Written: the regions as GeoJSON.")
def main(store: Path, annotation: Path, output: Path) -> None:
    export_annotations(store, annotation, output)


if __name__ == "__main__":
    run(main)
