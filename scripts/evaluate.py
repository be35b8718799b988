"""Compare the predictions of the test slides with their labels: metrics.json and slides.tsv."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.evaluation.evaluate import evaluate


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="splits.tsv; its test slides are evaluated.")
@click.option("--predictions", type=Path, required=True, help="Folder of {slide_id}.zarr.zip.")
@click.option("--class", "classes", multiple=True, required=True, help="Once for each class, in order.")
@click.option("--seed", type=int, required=True, help="Of the bootstrap.")
@click.option("--metrics", type=Path, required=True, help="metrics.json to write.")
@click.option("--slides", type=Path, required=True, help="slides.tsv to write.")
def main(splits: Path, predictions: Path, classes: tuple[str, ...], seed: int, metrics: Path, slides: Path) -> None:
    evaluate(
        splits=splits,
        predictions_folder=predictions,
        classes=classes,
        seed=seed,
        metrics_json=metrics,
        slides_tsv=slides,
    )


if __name__ == "__main__":
    run(main)
