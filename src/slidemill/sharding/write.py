"""Write planned shards: each selected record is read once, by its offset, and written once.

The ranks share the work by shards and need no other agreement: every rank makes the same plan from the same table. The
classes are decided here and not when tiles are cut, so that a corrected label never cuts tiles again.
"""

import hashlib
import json
import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from mpi4py import MPI

from slidemill.atomic import atomic_path, write_text
from slidemill.records import RecordWriter, encode_example, read_record
from slidemill.sharding.plan import Balance, ShardingError, SplitPlan, plan_shards
from slidemill.splits import SplitRow, read_splits
from slidemill.tiling.store import read_record_places, read_summary, store_paths
from slidemill.world import check_world_size

_LOG = logging.getLogger(__name__)

FORMAT = "slidemill shard plan 1"


def shard_tiles(
    splits: Path,
    tiles: Path,
    output: Path,
    *,
    classes: Sequence[str],
    shard_count: int,
    balance: Balance,
    seed: int,
    expect_ranks: int,
) -> None:
    """Write the train and validation shards and plan.json; called by every rank of an MPI program.

    Args:
        splits: splits.tsv.
        tiles: folder of tile stores.
        output: folder for the shards.
        classes, shard_count, balance, seed: as for `plan_shards`.
        expect_ranks: number of ranks that the launcher was told to start.

    Raises:
        WorldSizeError: the ranks are not connected.
        ShardingError: too few tiles, or tile stores which were cut in different ways.
        DamagedRecordError: a tile's record is damaged.
    """
    world = MPI.COMM_WORLD
    check_world_size(world.size, expect_ranks)
    plans = plan_shards(read_splits(splits), classes=classes, shard_count=shard_count, balance=balance, seed=seed)
    all_shards = [(plan, shard) for plan in plans for shard in range(shard_count)]
    own_shards = all_shards[world.rank :: world.size]
    checksums = {
        plan.shard_name(shard): _write_shard(output, plan, shard, tiles, classes) for plan, shard in own_shards
    }
    gathered = world.gather(checksums, root=0)
    if gathered is not None:
        merged = {name: checksum for part in gathered for name, checksum in part.items()}
        common = {"format": FORMAT, "classes": list(classes), "seed": seed, "ranks": shard_count, "balance": balance}
        described = {plan.split: _describe(plan, merged) for plan in plans}
        text = json.dumps(common | _tile_facts(plans, tiles) | described, indent=1) + "\n"
        write_text(output / "plan.json", text)


def _write_shard(output: Path, plan: SplitPlan, shard: int, tiles: Path, classes: Sequence[str]) -> str:
    """Write one shard; its SHA-256."""
    selected = plan.tiles[shard].tolist()
    target = output / plan.shard_name(shard)
    sources = {number: _Source(tiles, plan.slides[number], classes) for number in sorted({n for n, _ in selected})}
    with atomic_path(target) as temporary, temporary.open("wb") as file:
        hashing = _HashingFile(file)
        writer = RecordWriter(hashing)
        for number, tile in selected:
            writer.write(sources[number].read(tile))
    _LOG.info("%s: %d tiles of %d slides", target.name, len(selected), len(sources))
    return hashing.sha256.hexdigest()


class _Source:
    """The records of one slide, with its class."""

    def __init__(self, tiles: Path, slide: SplitRow, classes: Sequence[str]) -> None:
        self._records, index = store_paths(tiles, slide.slide_id)
        self._places = read_record_places(index)
        # Appended to a record these merge into it (slidemill.records.encode_example).
        self._class_features = encode_example(
            {"image/class/label": classes.index(slide.label), "image/class/text": slide.label}
        )

    def read(self, tile: int) -> bytes:
        offset, length = self._places[tile].tolist()
        # Opened for each record, because a shard draws from more slides than a process may hold open.
        with self._records.open("rb") as file:
            return read_record(self._records, file, offset=offset, length=length) + self._class_features


class _HashingFile:
    """A file that hashes what is written to it."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.sha256 = hashlib.sha256()

    def write(self, content: bytes) -> int:
        self.sha256.update(content)
        return self._file.write(content)


def _tile_facts(plans: Sequence[SplitPlan], tiles: Path) -> dict[str, Any]:
    slide_ids = [slide.slide_id for plan in plans for slide in plan.slides]
    found: dict[tuple[int, float], str] = {}
    for slide_id in slide_ids:
        parameters = read_summary(store_paths(tiles, slide_id)[1]).parameters
        found.setdefault((parameters["tile_size"], parameters["mpp"]), slide_id)
    if len(found) != 1:
        listed = "; ".join(f"{slide}: {size} px at {mpp} um per px" for (size, mpp), slide in found.items())
        raise ShardingError(f"the tile stores were cut in different ways ({listed}). Run tile_slide again for all.")
    ((tile_size, tile_mpp),) = found
    return {"tile_size": tile_size, "tile_mpp": tile_mpp}


def _describe(plan: SplitPlan, checksums: Mapping[str, str]) -> dict[str, Any]:
    shard_count, shard_length, _ = plan.tiles.shape
    tiles_of = Counter(plan.tiles[:, :, 0].ravel().tolist())
    per_class: Counter[str] = Counter()
    for number, count in tiles_of.items():
        per_class[plan.slides[number].label] += count
    return {
        "tiles_per_shard": shard_length,
        "class_tiles": dict(sorted(per_class.items())),
        "slide_tiles": {plan.slides[number].slide_id: count for number, count in sorted(tiles_of.items())},
        "shards": [
            {"file": name, "sha256": checksums[name], "tiles": shard_length}
            for name in map(plan.shard_name, range(shard_count))
        ],
    }
