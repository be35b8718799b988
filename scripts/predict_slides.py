"""Score every tile of slides with a trained model, which is loaded once for all of them."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.inference.batch import predict_batch
from slidemill.inference.predict import DEFAULT_BATCH_SIZE
from slidemill.onnx_session import PROVIDERS, Provider
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--slide", "slides", multiple=True, required=True, help="Once for each slide.")
@click.option("--tiles", type=Path, required=True, help="Folder of the slides' tile stores.")
@click.option("--features", type=Path, help="Folder of the slides' features; for a model that takes features.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option("--model", type=Path, required=True, help="Read: model.keras or model.onnx.")
@click.option("--kept", type=Path, required=True, help="Folder where a run that ends early keeps what it has finished.")
@click.option("--predictions", type=Path, required=True, help="Folder to write to, {slide}.zarr.zip.")
@click.option(
    "--batch-size",
    type=click.IntRange(min=1),
    default=DEFAULT_BATCH_SIZE,
    show_default=True,
    help="Tiles scored at once.",
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--provider", type=click.Choice(PROVIDERS), default="auto", show_default=True, help="What runs ONNX.")
def main(
    slides: tuple[str, ...],
    tiles: Path,
    features: Path | None,
    exclude: tuple[QualityFlag, ...],
    model: Path,
    kept: Path,
    predictions: Path,
    batch_size: int,
    threads: int,
    provider: Provider,
) -> None:
    predict_batch(
        slides,
        tiles_folder=tiles,
        features_folder=features,
        exclude=exclude,
        model_file=model,
        kept_folder=kept,
        predictions_folder=predictions,
        batch_size=batch_size,
        threads=threads,
        provider=provider,
    )


if __name__ == "__main__":
    run(main)
