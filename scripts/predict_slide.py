"""Score every tile of a slide with a trained model."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.inference.predict import DEFAULT_BATCH_SIZE, SlideJob, predict_slides


@click.command()
@click.option("--records", type=click.Path(path_type=Path), required=True, help="Read: the slide's tiles, .tfrecord.")
@click.option("--store", type=click.Path(path_type=Path), required=True, help="Read: the tiles' index, .zarr.zip.")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Read: model.keras.")
@click.option("--output", type=click.Path(path_type=Path), required=True, help="Written: predictions, .zarr.zip.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    help="Tiles scored at once.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def main(records: Path, store: Path, model: Path, output: Path, batch_size: int, threads: int) -> None:
    """Score every tile of a slide with a trained model."""
    job = SlideJob(records=records, store=store, output=output)
    predict_slides([job], model, batch_size=batch_size, threads=threads)


if __name__ == "__main__":
    run(main)
