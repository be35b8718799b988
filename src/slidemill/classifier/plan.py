"""shards/plan.json as training needs it: which shards each rank reads, and how many tiles they hold."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from slidemill.errors import SlidemillError
from slidemill.machine import machine_trouble
from slidemill.units import TilePixels

FORMAT = "slidemill shard plan 2"


class ShardPlanError(SlidemillError):
    """A plan, or a shard of it, that this training cannot use."""

    def __init__(self, path: Path, reason: str, advice: str) -> None:
        super().__init__(path, reason, advice)
        self.path = path
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}. {self.advice}."


@dataclass(frozen=True, slots=True)
class ShardSet:
    """The shards of one kind, train or validation.

    Attributes:
        tiles_per_shard: number of tiles, equal in all shards.
        files: all shards.
    """

    tiles_per_shard: int
    files: tuple[Path, ...]

    def of_fifo(self, number: int, fifos: int) -> tuple[Path, ...]:
        """The shards that come through the FIFOs of this number on all hosts together, one for each of their ranks.

        Args:
            number: of a rank on its host, from 0.
            fifos: ranks on each host.
        """
        return self.files[number::fifos]

    def of_rank(self, rank: int, ranks: int) -> "RankShards":
        """The shards that one of the ranks reads."""
        own = self.files[rank::ranks]
        return RankShards(files=own, tiles=len(own) * self.tiles_per_shard)


@dataclass(frozen=True, slots=True)
class RankShards:
    """The shards that one rank reads.

    Attributes:
        files: the shards.
        tiles: number of tiles in all of them together, equal on all ranks.
    """

    files: tuple[Path, ...]
    tiles: int


@dataclass(frozen=True, slots=True)
class ShardPlan:
    """What the plan says of the shards.

    Attributes:
        classes: class names; the label of a tile is the position of its class.
        tile_size: side of the tiles as stored.
        tile_mpp: microns per pixel of the tiles.
        class_tiles: number of train tiles of each class, in order of `classes`.
        train, validation: the shards.
        sha256: of the plan's file, which holds the hashes of all shards.
    """

    classes: tuple[str, ...]
    tile_size: TilePixels
    tile_mpp: float
    class_tiles: tuple[int, ...]
    train: ShardSet
    validation: ShardSet
    sha256: str

    def parts(self) -> tuple[tuple[str, ShardSet], ...]:
        """The train and the validation shards with their names."""
        return ("train", self.train), ("validation", self.validation)

    @classmethod
    def _from_json(cls, values: dict[str, Any], folder: Path, sha256: str) -> Self:
        return cls(
            classes=tuple(values["classes"]),
            tile_size=TilePixels(int(values["tile_size"])),
            tile_mpp=float(values["tile_mpp"]),
            class_tiles=tuple(int(values["train"]["class_tiles"].get(name, 0)) for name in values["classes"]),
            train=_shard_set(values["train"], folder),
            validation=_shard_set(values["validation"], folder),
            sha256=sha256,
        )


def read_plan(path: Path, *, ranks: int) -> ShardPlan:
    """Read the plan and check that all ranks get equally many shards with tiles in them.

    Raises:
        ShardPlanError: the file is missing or no plan, its shards cannot be shared among the ranks, or hold no tiles.
    """
    plan = _parsed(path)
    for kind, shards in plan.parts():
        if not shards.files or len(shards.files) % ranks:
            reason = f"has {len(shards.files)} {kind} shards, which {ranks} ranks cannot share equally"
            raise ShardPlanError(path, reason, "Make the shards again with the config's present `ranks`")
        if shards.tiles_per_shard < 1:
            reason = f"its {kind} shards hold no tiles"
            raise ShardPlanError(path, reason, "Give more slides, or a larger share of them in `split`")
    return plan


def _parsed(path: Path) -> ShardPlan:
    advice = "Delete it and run again to make the shards anew"
    try:
        content = path.read_bytes()
        values = json.loads(content)
        if values["format"] != FORMAT:
            raise ShardPlanError(path, f"its format is {values['format']!r}, not {FORMAT!r}", advice)
        return ShardPlan._from_json(values, path.parent, hashlib.sha256(content).hexdigest())
    except FileNotFoundError:
        raise ShardPlanError(path, "there is no such shard plan", "Run shard_tiles first") from None
    except (OSError, KeyError, TypeError, ValueError) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ShardPlanError(path, f"not a readable shard plan ({error!r})", advice) from error


def _shard_set(values: dict[str, Any], folder: Path) -> ShardSet:
    files = tuple(folder / shard["file"] for shard in values["shards"])
    return ShardSet(tiles_per_shard=int(values["tiles_per_shard"]), files=files)
