"""Write a copy of the slide sheet in which each slide states its split.

The splits are those that follow from the sheet and the seed, or, with --splits, those of a run that was made before.
"""

from pathlib import Path
from typing import cast

import click

from slidemill.cohort import read_sheet
from slidemill.command import run
from slidemill.splits import SplitDesign, SplitFractions, pin_splits, read_splits, split_slides
from slidemill.splits.design import GroupBy


@click.command(help=__doc__)
@click.option("--slides", type=Path, required=True, help="The slide sheet.")
@click.option("--splits", type=Path, help="The splits.tsv of an earlier run, in the place of all options below.")
@click.option("--class", "classes", multiple=True, help="A class; once for each, in order.")
@click.option("--train", type=float, default=0.0, help="Share of the patients.")
@click.option("--validation", type=float, default=0.0, help="Share of the patients.")
@click.option("--test", type=float, default=0.0, help="Share of the patients.")
@click.option("--group-by", type=click.Choice(["patient", "site"]), default="patient", show_default=True)
@click.option("--seed", type=int, default=1, show_default=True)
@click.option("--output", type=Path, required=True, help="The sheet to write.")
def main(
    slides: Path,
    splits: Path | None,
    classes: tuple[str, ...],
    train: float,
    validation: float,
    test: float,
    group_by: str,
    seed: int,
    output: Path,
) -> None:
    if splits:
        chosen = {row.slide_id: row.split for row in read_splits(splits)}
    else:
        sizes = SplitFractions(train=train, validation=validation, test=test)
        design = SplitDesign(sizes, cast(GroupBy, group_by))
        chosen = split_slides(read_sheet(slides), classes=classes, design=design, seed=seed)
    click.echo(f"{output}: {pin_splits(slides, chosen, output)} slides state their split")


if __name__ == "__main__":
    run(main)
