"""Pack the tiles of the train and validation slides into equal shards; an MPI program."""

from pathlib import Path
from typing import cast

import click

from slidemill.command import run
from slidemill.sharding import shard_tiles
from slidemill.sharding.plan import Balance


@click.command(help=__doc__)
@click.option("--expect-ranks", type=int, required=True, help="Number of ranks that the launcher starts.")
@click.option("--splits", type=Path, required=True, help="splits.tsv")
@click.option("--tiles", type=Path, required=True, help="Folder with a tile store for each slide.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--shard-count", type=int, required=True, help="Number of shards of each split.")
@click.option("--balance", type=click.Choice(["undersample", "none"]), required=True)
@click.option("--seed", type=int, required=True)
@click.option("--output", type=Path, required=True, help="Folder for the shards and plan.json.")
def main(
    expect_ranks: int,
    splits: Path,
    tiles: Path,
    classes: tuple[str, ...],
    shard_count: int,
    balance: str,
    seed: int,
    output: Path,
) -> None:
    shard_tiles(
        splits,
        tiles,
        output,
        classes=classes,
        shard_count=shard_count,
        balance=cast(Balance, balance),
        seed=seed,
        expect_ranks=expect_ranks,
    )


if __name__ == "__main__":
    run(main)
