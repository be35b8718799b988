"""Write the features of slides as TRIDENT, STAMP or CLAM would."""

from pathlib import Path
from typing import get_args

import click

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill.features.exchange import Layout
from slidemill.features.exchange.export import export_features
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--slides", type=Path, required=True, help="The slide sheet.")
@click.option("--features", type=Path, multiple=True, required=True, help="Folder of an encoder; once for each.")
@click.option("--tiles", type=Path, required=True, help="Folder of the slides' tile stores.")
@click.option("--as", "layout", type=click.Choice(get_args(Layout)), required=True)
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option("--output", type=Path, required=True, help="Folder to write; what it held before is replaced.")
def main(
    slides: Path,
    features: tuple[Path, ...],
    tiles: Path,
    layout: Layout,
    exclude: tuple[QualityFlag, ...],
    output: Path,
) -> None:
    names = [slide.slide_id for slide in read_sheet(slides)]
    count = export_features(names, features, tiles=tiles, layout=layout, exclude=exclude, output=output)
    click.echo(f"{output}: {count} files")


if __name__ == "__main__":
    run(main)
