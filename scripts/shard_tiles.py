"""Pack the tiles of the train and validation slides into equal shards; an MPI program."""

from pathlib import Path
from typing import cast

import click
from label_options import label_options
from sampling_options import sampling_options

from slidemill.annotations.decide import AnnotatedTiles, DecidedLabels
from slidemill.command import run
from slidemill.sampling import Sampling
from slidemill.sharding import BALANCE_MODES, Balance, shard_tiles
from slidemill.sharding.balance import BalanceMode
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--expect-ranks", type=int, required=True, help="Number of ranks that the launcher starts.")
@click.option("--splits", type=Path, required=True, help="splits.tsv")
@click.option("--tiles", type=Path, required=True, help="Folder with a tile store for each slide.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@label_options
@sampling_options
@click.option("--shard-count", type=int, required=True, help="Number of shards of each split.")
@click.option("--balance", type=click.Choice(BALANCE_MODES), required=True)
@click.option("--max-tiles-per-slide", type=int, help="The cap of --balance slide_cap.")
@click.option("--buffer-mb", type=click.IntRange(min=1), required=True, help="Megabytes of records held by each rank.")
@click.option("--seed", type=int, required=True)
@click.option("--output", type=Path, required=True, help="Folder for the shards and plan.json.")
def main(
    expect_ranks: int,
    splits: Path,
    tiles: Path,
    classes: tuple[str, ...],
    exclude: tuple[QualityFlag, ...],
    labels: DecidedLabels | None,
    sampling: Sampling | None,
    shard_count: int,
    balance: str,
    max_tiles_per_slide: int | None,
    buffer_mb: int,
    seed: int,
    output: Path,
) -> None:
    shard_tiles(
        splits,
        tiles,
        output,
        classes=classes,
        exclude=exclude,
        annotated=AnnotatedTiles(labels, tiles, exclude) if labels else None,
        sampling=sampling,
        shard_count=shard_count,
        balance=Balance(cast(BalanceMode, balance), max_tiles_per_slide),
        seed=seed,
        buffer_mb=buffer_mb,
        expect_ranks=expect_ranks,
    )


if __name__ == "__main__":
    run(main)
