"""Fit a small classifier of slides on features of the heatmaps of the validation slides: slide_classifier.json."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.evaluation.fit_slides import fit_slides


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="splits.tsv; its validation slides.")
@click.option("--predictions", type=Path, required=True, help="Folder of their predictions.")
@click.option("--class", "classes", multiple=True, required=True, help="Once for each class, in order.")
@click.option("--measured", multiple=True, help="Class whose regions are measured; repeated; default: all.")
@click.option("--output", type=Path, required=True, help="slide_classifier.json to write.")
def main(splits: Path, predictions: Path, classes: tuple[str, ...], measured: tuple[str, ...], output: Path) -> None:
    fit_slides(splits, predictions, output, classes=classes, measured=measured)


if __name__ == "__main__":
    run(main)
