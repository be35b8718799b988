"""Score whole slides from the scores of their tiles: scores.tsv."""

from pathlib import Path

import click

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill.evaluation.aggregate import METHODS, Aggregation, Method
from slidemill.evaluation.score import score_slides


@click.command(help=__doc__)
@click.option("--predictions", type=Path, required=True, help="Folder of {slide_id}.zarr.zip.")
@click.option("--slides", type=Path, required=True, help="Slide sheet: which slides to score.")
@click.option("--aggregation", type=click.Choice(METHODS), required=True, help="From tile scores to slide scores.")
@click.option("--top-k", type=click.IntRange(min=1), required=True, help="Tiles that top_k_mean takes.")
@click.option("--slide-classifier", type=Path, help="slide_classifier.json, for heatmap_features.")
@click.option("--output", type=Path, required=True, help="scores.tsv to write.")
def main(
    predictions: Path, slides: Path, aggregation: Method, top_k: int, slide_classifier: Path | None, output: Path
) -> None:
    score_slides(
        [slide.slide_id for slide in read_sheet(slides)],
        predictions_folder=predictions,
        aggregation=Aggregation(aggregation, top_k),
        output_tsv=output,
        slide_classifier=slide_classifier,
    )


if __name__ == "__main__":
    run(main)
