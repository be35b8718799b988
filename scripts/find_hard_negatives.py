"""List the train tiles of the rest that a model takes for a class: hard_negatives.tsv."""

from pathlib import Path

import click
from label_options import label_options

from slidemill.annotations.decide import DecidedLabels
from slidemill.command import run
from slidemill.evaluation.hard_negatives import find_hard_negatives
from slidemill.splits import read_splits


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="splits.tsv; its train slides.")
@click.option("--predictions", type=Path, required=True, help="Folder of their predictions.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@label_options
@click.option("--output", type=Path, required=True, help="hard_negatives.tsv to write.")
def main(
    splits: Path,
    predictions: Path,
    classes: tuple[str, ...],  # noqa: ARG001 - of the labels
    labels: DecidedLabels | None,
    output: Path,
) -> None:
    if labels is None or labels.rule.rest is None:
        raise click.UsageError("--labels and --rest are needed.")
    slides = sorted(row.slide_id for row in read_splits(splits) if row.split == "train")
    find_hard_negatives(slides, predictions, labels, output)


if __name__ == "__main__":
    run(main)
