"""Pack the tiles of the train and validation slides into equal shards; an MPI program."""

from pathlib import Path
from typing import cast

import click

from slidemill.annotations.decide import AnnotatedTiles, LabelRule
from slidemill.command import run
from slidemill.sharding import BALANCE_MODES, Balance, shard_tiles
from slidemill.sharding.balance import BalanceMode
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag


@click.command(help=__doc__)
@click.option("--expect-ranks", type=int, required=True, help="Number of ranks that the launcher starts.")
@click.option("--splits", type=Path, required=True, help="splits.tsv")
@click.option("--tiles", type=Path, required=True, help="Folder with a tile store for each slide.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option(
    "--labels", type=Path, help="Folder with labels of tiles from annotations; none: tiles are as their slide."
)
@click.option("--at-least", type=float, default=0.5, help="Share of a tile that a class of --labels has to cover.")
@click.option("--rest", help="Class of the tiles that no annotated region touches.")
@click.option("--rest-at-most", type=float, default=0.0, help="Share that regions may cover of such a tile.")
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
    labels: Path | None,
    at_least: float,
    rest: str | None,
    rest_at_most: float,
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
        annotated=AnnotatedTiles(labels, tiles, classes, LabelRule(at_least, rest, rest_at_most), exclude)
        if labels
        else None,
        shard_count=shard_count,
        balance=Balance(cast(BalanceMode, balance), max_tiles_per_slide),
        seed=seed,
        buffer_mb=buffer_mb,
        expect_ranks=expect_ranks,
    )


if __name__ == "__main__":
    run(main)
