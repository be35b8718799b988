"""Write planned shards and plan.json.

The ranks share the work by shards and need no other agreement: every rank makes the same plan from the same table. The
classes are decided here and not when tiles are cut, so that a corrected label never cuts tiles again.
"""

import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from mpi4py import MPI

from slidemill.annotations.decide import AnnotatedTiles
from slidemill.atomic import write_text
from slidemill.sampling import Sampling
from slidemill.sharding.balance import Balance
from slidemill.sharding.copy import Selection, write_shard
from slidemill.sharding.plan import SplitPlan, plan_shards
from slidemill.splits import read_splits
from slidemill.tiling.alike import common_tile_size
from slidemill.tiling.quality import QualityFlag
from slidemill.world import check_world_size

_LOG = logging.getLogger(__name__)

FORMAT = "slidemill shard plan 2"


def shard_tiles(
    splits: Path,
    tiles: Path,
    output: Path,
    *,
    classes: Sequence[str],
    exclude: Collection[QualityFlag],
    annotated: AnnotatedTiles | None = None,
    sampling: Sampling | None = None,
    shard_count: int,
    balance: Balance,
    seed: int,
    buffer_mb: int,
    expect_ranks: int,
) -> None:
    """Write the train and validation shards and plan.json; called by every rank of an MPI program.

    Args:
        splits: splits.tsv.
        tiles: folder of tile stores.
        output: folder for the shards.
        classes, shard_count, balance, seed: as for `plan_shards`.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        annotated: gives the classes of tiles; None: they have that of their slide.
        sampling: which train tiles are used; None for all that have a class.
        buffer_mb: megabytes of records that each rank holds in memory.
        expect_ranks: number of ranks that the launcher was told to start.

    Raises:
        WorldSizeError: the ranks are not connected.
        ShardingError: too few tiles.
        TilesDifferError: tile stores were cut in different ways.
        DamagedStoreError: a slide's tile store is damaged.
    """
    world = MPI.COMM_WORLD
    check_world_size(world.size, expect_ranks)
    plans = plan_shards(
        read_splits(splits),
        classes=classes,
        shard_count=shard_count,
        balance=balance,
        seed=seed,
        labels_of=None if annotated is None else lambda slide: annotated.of_slide(slide.slide_id, slide.tile_count),
        sampling=sampling,
    )
    all_shards = [(plan, shard) for plan in plans for shard in range(shard_count)]
    own_shards = all_shards[world.rank :: world.size]
    checksums = {}
    for plan in plans:
        shards = [shard for of_plan, shard in own_shards if of_plan is plan]
        for shard, selection in zip(shards, Selection.of(plan, shards, tiles, exclude), strict=True):
            name = plan.shard_name(shard)
            checksums[name] = write_shard(
                output / name, plan, selection, tiles=tiles, classes=classes, buffer_bytes=buffer_mb * 1_000_000
            )
            _LOG.info("%s: %d tiles", name, plan.tiles.shape[1])
    gathered = world.gather(checksums, root=0)
    if gathered is not None:
        merged = {name: checksum for part in gathered for name, checksum in part.items()}
        common = {
            "format": FORMAT,
            "classes": list(classes),
            "exclude": list(exclude),
            "seed": seed,
            "balance": asdict(balance),
            "sampling": sampling.facts() if sampling else None,
        }
        described = {plan.split: _describe(plan, classes, merged) for plan in plans}
        text = json.dumps(common | _tile_facts(plans, tiles) | described, indent=1) + "\n"
        write_text(output / "plan.json", text)


def _tile_facts(plans: Sequence[SplitPlan], tiles: Path) -> dict[str, Any]:
    size = common_tile_size(tiles, (slide.slide_id for plan in plans for slide in plan.slides))
    return {"tile_size": size.tile_size, "tile_mpp": size.mpp}


def _describe(plan: SplitPlan, classes: Sequence[str], checksums: Mapping[str, str]) -> dict[str, Any]:
    shard_count, shard_length = plan.tiles.shape
    per_class = dict(zip(classes, plan.class_tiles().tolist(), strict=True))
    per_slide = zip(plan.slides, plan.slide_tiles().tolist(), strict=True)
    return {
        "tiles_per_shard": shard_length,
        "class_tiles": {name: count for name, count in sorted(per_class.items()) if count},
        "hard_tiles": plan.hard_tiles(),
        "slide_tiles": {slide.slide_id: count for slide, count in per_slide if count},
        "shards": [
            {"file": name, "sha256": checksums[name], "tiles": shard_length}
            for name in map(plan.shard_name, range(shard_count))
        ],
    }
