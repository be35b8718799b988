"""Decide which tiles go to which shard, from the counts alone: no pixel and no index is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.sampling import Sampling
from slidemill.seeds import generator
from slidemill.sharding.balance import Balance, LabelsOf, SlideTiles, draw
from slidemill.splits import Split, SplitRow

SHARDED_SPLITS: tuple[Split, ...] = ("train", "validation")


class ShardingError(SlidemillError):
    """Tiles that cannot be packed as asked."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The shards of one split.

    Attributes:
        split: "train" or "validation".
        source: the slides that give tiles, in order of slide_id, and the numbers of their tiles.
        tiles: (shards, tiles of a shard) uint32, numbers of tiles. Tiles are mixed across slides, each tile is in at
            most one shard, and all shards are equally long.
    """

    split: Split
    source: SlideTiles
    tiles: np.ndarray

    @property
    def slides(self) -> tuple[SplitRow, ...]:
        """The slides that give tiles."""
        return self.source.slides

    def slide_tiles(self) -> np.ndarray:
        """(slides,) int64: number of tiles drawn from each slide."""
        counts = np.zeros(len(self.slides), np.int64)
        for shard in self.tiles:  # one at a time: the memory of one shard
            counts += np.bincount(self.source.slide_of(shard), minlength=len(self.slides))
        return counts

    def class_tiles(self) -> np.ndarray:
        """(classes,) int64: number of tiles drawn of each class."""
        counts = np.zeros(self.source.class_count, np.int64)
        for shard in self.tiles:
            counts += np.bincount(self.source.label[shard], minlength=len(counts))
        return counts

    def hard_tiles(self) -> int:
        """Number of hard tiles drawn."""
        return int(np.isin(self.tiles, self.source.hard).sum()) if len(self.source.hard) else 0

    def shard_name(self, shard: int) -> str:
        """File name of a shard."""
        return f"{self.split}-{shard}-of-{len(self.tiles)}.tfrecord"


def plan_shards(
    rows: Sequence[SplitRow],
    *,
    classes: Sequence[str],
    shard_count: int,
    balance: Balance,
    seed: int,
    labels_of: LabelsOf | None = None,
    sampling: Sampling | None = None,
) -> tuple[SplitPlan, ...]:
    """Plan the train and the validation shards.

    Train tiles are balanced as asked. Validation tiles are all kept, so that validation sees the classes as they come;
    of both, at most `shard_count` - 1 tiles are left out to make the shards equal. The plan takes six bytes a tile,
    and about three times as much while it is made.

    Args:
        rows: the cohort with its splits.
        classes: the config's classes.
        shard_count: number of shards of each split.
        balance: how train tiles are drawn.
        seed: the config's seed.
        labels_of: gives the class of each tile of a slide; None: all have the class of their slide.
        sampling: which train tiles are used; None for all that have a class.

    Raises:
        ShardingError: a split has fewer tiles than shards.
    """
    return tuple(
        _plan_split(
            split,
            SlideTiles.of(_slides_with_tiles(rows, split), classes, labels_of, sampling if split == "train" else None),
            shard_count,
            balance if split == "train" else Balance("none"),
            generator(seed, "shards", split),
            sampling.hard_share if sampling else 0.0,
        )
        for split in SHARDED_SPLITS
    )


def _slides_with_tiles(rows: Sequence[SplitRow], split: Split) -> list[SplitRow]:
    return sorted((row for row in rows if row.split == split and row.tile_count), key=lambda row: row.slide_id)


def _plan_split(
    split: Split,
    source: SlideTiles,
    shard_count: int,
    balance: Balance,
    random: np.random.Generator,
    hard_share: float,
) -> SplitPlan:
    tiles = draw(source, balance, random, hard_share)
    shard_length = len(tiles) // shard_count
    if shard_length == 0:
        raise ShardingError(
            f"{len(tiles)} {split} tiles are too few for {shard_count} shards. Use fewer ranks or more slides."
        )
    random.shuffle(tiles)
    return SplitPlan(split, source, tiles[: shard_length * shard_count].reshape(shard_count, shard_length))
