"""Count the tiles of each class that the slides of a cohort have by their annotations: tile_labels.tsv."""

from pathlib import Path

import click
from label_options import label_options

from slidemill.annotations.counts import count_labels, write_counts
from slidemill.annotations.decide import AnnotatedTiles, DecidedLabels
from slidemill.command import run
from slidemill.splits import read_splits
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="A splits.tsv: the slides, and how many tiles each has.")
@click.option("--tiles", type=Path, required=True, help="Folder of their tile stores.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@label_options
@click.option("--output", type=Path, required=True, help="tile_labels.tsv to write.")
def main(
    splits: Path,
    tiles: Path,
    classes: tuple[str, ...],
    exclude: tuple[QualityFlag, ...],
    labels: DecidedLabels | None,
    output: Path,
) -> None:
    if labels is None:
        raise click.UsageError("--labels is missing.")
    slides = sorted((row.slide_id, row.tile_count) for row in read_splits(splits))
    write_counts(output, count_labels(slides, AnnotatedTiles(labels, tiles, exclude)), classes)


if __name__ == "__main__":
    run(main)
