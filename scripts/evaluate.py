"""Compare the predictions of the test slides with their labels: metrics.json, slides.tsv and top_tiles.tsv."""

from pathlib import Path

import click
from label_options import label_options

from slidemill.annotations.decide import DecidedLabels
from slidemill.command import run
from slidemill.evaluation.aggregate import METHODS, Aggregation, Method
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.evaluation.levels import TILE_JUDGES, TileJudge
from slidemill.evaluation.scored_split import TileTruth
from slidemill.splits.design import GroupBy


@click.command(help=__doc__)
@click.option(
    "--splits", type=Path, multiple=True, required=True, help="splits.tsv; its test slides; once for each fold."
)
@click.option(
    "--predictions", type=Path, multiple=True, required=True, help="Folder of predictions; once for each fold."
)
@click.option("--tiles", type=Path, required=True, help="Folder of the tile stores of the test slides.")
@click.option("--class", "classes", multiple=True, required=True, help="Once for each class, in order.")
@click.option("--ordered-classes", type=bool, default=False, help="Whether classes are grades, from low to high.")
@label_options
@click.option(
    "--tiles-as", type=click.Choice(TILE_JUDGES), default="slide", help="By what tiles are judged; or by --labels."
)
@click.option("--seed", type=int, required=True, help="Of the bands of curves.")
@click.option("--group-by", type=click.Choice(["patient", "site"]), required=True, help="What splits never divided.")
@click.option("--aggregation", type=click.Choice(METHODS), required=True, help="From tile scores to slide scores.")
@click.option("--top-k", type=click.IntRange(min=1), required=True, help="Tiles that top_k_mean takes.")
@click.option("--slide-classifier", "classifiers", type=Path, multiple=True, help="slide_classifier.json of each fold.")
@click.option("--metrics", type=Path, required=True, help="metrics.json to write.")
@click.option("--slides", type=Path, required=True, help="slides.tsv to write.")
@click.option("--top-tiles", type=Path, required=True, help="top_tiles.tsv to write.")
def main(
    splits: tuple[Path, ...],
    predictions: tuple[Path, ...],
    tiles: Path,
    classes: tuple[str, ...],
    ordered_classes: bool,
    labels: DecidedLabels | None,
    tiles_as: TileJudge,
    seed: int,
    group_by: GroupBy,
    aggregation: Method,
    top_k: int,
    classifiers: tuple[Path, ...],
    metrics: Path,
    slides: Path,
    top_tiles: Path,
) -> None:
    folds = [FoldFiles(*own) for own in zip(splits, predictions, classifiers or [None] * len(splits), strict=True)]
    files = EvaluationFiles(folds, tiles, metrics=metrics, slides=slides, top_tiles=top_tiles)
    evaluate(
        files,
        classes=classes,
        seed=seed,
        aggregation=Aggregation(aggregation, top_k),
        unit=group_by,
        truth=TileTruth(labels, tiles_as),
        is_ordered=ordered_classes,
    )


if __name__ == "__main__":
    run(main)
