"""Assign the patients of a cohort to train, validation and test."""

from pathlib import Path
from typing import cast

import click

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill.splits import Fold, SplitDesign, SplitFractions, assign_splits
from slidemill.splits.design import GroupBy
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--slides", type=Path, required=True, help="The slide sheet.")
@click.option("--tiles", type=Path, required=True, help="Folder with a tile store for each slide.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--train", type=float, default=0.0, help="Share of the patients.")
@click.option("--validation", type=float, default=0.0, help="Share of the patients.")
@click.option("--test", type=float, default=0.0, help="Share of the patients.")
@click.option("--folds", type=int, help="Cross-validation with so many folds, in the place of the shares.")
@click.option("--fold", type=int, default=0, show_default=True, help="Which of them, from 0.")
@click.option("--group-by", type=click.Choice(["patient", "site"]), default="patient", show_default=True)
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Do not count tiles with this flag.")
@click.option("--seed", type=int, required=True)
@click.option("--max-failed-fraction", type=float, required=True, help="Greatest share of slides set aside.")
@click.option("--output", type=Path, required=True, help="The table to write.")
def main(
    slides: Path,
    tiles: Path,
    classes: tuple[str, ...],
    train: float,
    validation: float,
    test: float,
    folds: int | None,
    fold: int,
    group_by: str,
    exclude: tuple[QualityFlag, ...],
    seed: int,
    max_failed_fraction: float,
    output: Path,
) -> None:
    sizes = Fold(fold, folds) if folds else SplitFractions(train=train, validation=validation, test=test)
    assign_splits(
        read_sheet(slides),
        tiles,
        output,
        classes=classes,
        design=SplitDesign(sizes, cast(GroupBy, group_by)),
        exclude=exclude,
        seed=seed,
        max_failed_fraction=max_failed_fraction,
    )


if __name__ == "__main__":
    run(main)
