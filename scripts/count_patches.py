"""Count the listed patches of each slide: a table as splits.tsv, for what learns from patches."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.splits.patches import count_patches
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="splits.tsv")
@click.option("--patches", type=Path, required=True, help="Folder of tile stores with patches.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out patches with this flag.")
@click.option("--output", type=Path, required=True, help="The table to write.")
def main(splits: Path, patches: Path, exclude: tuple[QualityFlag, ...], output: Path) -> None:
    count_patches(splits, patches, output, exclude=exclude)


if __name__ == "__main__":
    run(main)
