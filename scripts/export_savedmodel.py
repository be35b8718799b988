"""Write a trained tile classifier for TensorFlow Serving, from JPEG files to scores: a SavedModel."""

from pathlib import Path

import click
from export_options import check_slides, export_options  # beside this program

from slidemill.command import run
from slidemill.tiling.quality import QualityFlag


@click.command(help=__doc__)
@export_options
@click.option("--output", type=Path, required=True, help="Folder to write.")
def main(
    model: Path,
    sheet: Path,
    slides: tuple[str, ...],
    tiles: Path,
    features: Path | None,
    exclude: tuple[QualityFlag, ...],
    threads: int,
    output: Path,
) -> None:
    from slidemill.export.write_savedmodel import export_savedmodel  # here, because it imports TensorFlow

    export_savedmodel(
        model,
        check_slides(sheet=sheet, slides=slides, tiles=tiles, features=features),
        exclude=exclude,
        output=output,
        threads=threads,
    )


if __name__ == "__main__":
    run(main)
