"""Write the predictions of slides from the answers of a batch transform."""

from pathlib import Path

import click

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill.inference.transformed import collect_scores
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--slides", type=Path, required=True, help="Slide sheet: whose answers.")
@click.option("--answers", type=Path, required=True, help="Folder of {slide}.tfrecord.out.")
@click.option("--tiles", type=Path, required=True, help="Folder of the slides' tile stores.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option("--model", type=Path, required=True, help="Read: model.keras.")
@click.option("--predictions", type=Path, required=True, help="Folder to write to, {slide}.zarr.zip.")
def main(
    slides: Path, answers: Path, tiles: Path, exclude: tuple[QualityFlag, ...], model: Path, predictions: Path
) -> None:
    collect_scores(
        [slide.slide_id for slide in read_sheet(slides)],
        answers_folder=answers,
        tiles_folder=tiles,
        exclude=exclude,
        model_file=model,
        predictions_folder=predictions,
    )


if __name__ == "__main__":
    run(main)
