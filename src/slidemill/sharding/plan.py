"""Decide which tiles go to which shard, from the counts alone: no pixel and no index is read."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.seeds import generator
from slidemill.splits import Split, SplitRow

Balance = Literal["undersample", "none"]
SHARDED_SPLITS: tuple[Split, ...] = ("train", "validation")


class ShardingError(SlidemillError):
    """Tiles that cannot be packed as asked."""


@dataclass(frozen=True, slots=True)
class SplitPlan:
    """The shards of one split.

    Attributes:
        split: "train" or "validation".
        slides: the slides that give tiles, in order of slide_id.
        tiles: (shards, tiles of a shard, 2) int64: index into `slides`, and number of the tile in its store. Tiles are
            mixed across slides, each tile of a store is in at most one shard, and all shards are equally long.
    """

    split: Split
    slides: tuple[SplitRow, ...]
    tiles: np.ndarray

    def shard_name(self, shard: int) -> str:
        """File name of a shard."""
        return f"{self.split}-{shard}-of-{len(self.tiles)}.tfrecord"


def plan_shards(
    rows: Sequence[SplitRow], *, classes: Sequence[str], shard_count: int, balance: Balance, seed: int
) -> tuple[SplitPlan, ...]:
    """Plan the train and the validation shards.

    Train tiles are balanced as asked. Validation tiles are all kept, so that validation sees the classes as they come;
    of both, at most `shard_count` - 1 tiles are left out to make the shards equal.

    Args:
        rows: the cohort with its splits.
        classes: the config's classes.
        shard_count: number of shards of each split.
        balance: "undersample" draws as many tiles of each class as the rarest has; "none" takes all.
        seed: the config's seed.

    Raises:
        ShardingError: a split has fewer tiles than shards.
    """
    return tuple(
        _plan_split(rows, split, classes, shard_count, balance if split == "train" else "none", seed)
        for split in SHARDED_SPLITS
    )


def _plan_split(
    rows: Sequence[SplitRow], split: Split, classes: Sequence[str], shard_count: int, balance: Balance, seed: int
) -> SplitPlan:
    slides = tuple(sorted((row for row in rows if row.split == split and row.tile_count), key=lambda row: row.slide_id))
    by_class = _tiles_by_class(slides, classes)
    random = generator(seed, "shards", split)
    if balance == "undersample":
        rarest = min(len(tiles) for tiles in by_class)
        by_class = [tiles[random.permutation(len(tiles))[:rarest]] for tiles in by_class]
    mixed = random.permutation(np.concatenate(by_class), axis=0)
    shard_length = len(mixed) // shard_count
    if shard_length == 0:
        raise ShardingError(
            f"{len(mixed)} {split} tiles are too few for {shard_count} shards. Use fewer ranks or more slides."
        )
    tiles = mixed[: shard_length * shard_count].reshape(shard_count, shard_length, 2)
    return SplitPlan(split=split, slides=slides, tiles=tiles)


def _tiles_by_class(slides: Sequence[SplitRow], classes: Sequence[str]) -> list[np.ndarray]:
    """For each class (tiles, 2) int64: slide number and tile number."""
    tiles: dict[str, list[np.ndarray]] = defaultdict(lambda: [np.zeros((0, 2), np.int64)])
    for number, slide in enumerate(slides):
        own = np.arange(slide.tile_count, dtype=np.int64)
        tiles[slide.label].append(np.stack([np.full_like(own, number), own], axis=1))
    return [np.concatenate(tiles[name]) for name in classes]
