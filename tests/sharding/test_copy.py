import itertools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.records import RecordWriter, encode_example, parse_example, read_records
from slidemill.sharding import Balance, DamagedStoreError, ShardingError, plan_shards
from slidemill.sharding import copy as copying
from slidemill.sharding.copy import Selection, write_shard
from slidemill.splits import SplitRow
from slidemill.tiling.store import StoreSummary, TileStore, read_store, store_paths, write_store
from slidemill.units import SlidePixels

CLASSES = ("LUAD", "LUSC")
SLIDES, TILES = 6, 40


@pytest.fixture(scope="module")
def tiles(tmp_path_factory):
    """Tile stores of six slides with forty tiles of a few hundred bytes."""
    folder = tmp_path_factory.mktemp("tiles")
    for number in range(SLIDES):
        records, index = store_paths(folder, f"s{number}")
        with records.open("wb") as file:
            writer = RecordWriter(file)
            places = [
                writer.write(encode_example({"slide/id": f"s{number}", "tile/x": x, "image/encoded": bytes(10 * x)}))
                for x in range(TILES)
            ]
        summary = StoreSummary(f"s{number}", f"P{number}", "usable", "", (), TILES, TILES, SlidePixels(1), {}, None, {})
        offset, length = np.array(places).T
        write_store(index, TileStore(summary, quality=np.zeros(TILES, np.uint8), offset=offset, length=length))
    return folder


@pytest.fixture(scope="module")
def plan():
    rows = [
        SplitRow(f"s{i}", f"P{i}", CLASSES[i % 2], "", "train" if i < 4 else "validation", TILES, "usable", "")
        for i in range(SLIDES)
    ]
    return plan_shards(rows, classes=CLASSES, shard_count=2, balance=Balance(), seed=1)[0]


def written(plan, tiles, target, buffer_bytes):
    (selection,) = Selection.of(plan, [0], tiles, exclude=())
    sha256 = write_shard(target, plan, selection, tiles=tiles, classes=CLASSES, buffer_bytes=buffer_bytes)
    return target.read_bytes(), sha256


@given(lengths=st.lists(st.integers(1, 50), max_size=30), buffer_bytes=st.integers(1, 500))
def test_windows_cover_the_shard_in_order_and_hold_no_more_than_the_buffer(lengths, buffer_bytes):
    nothing = np.zeros(len(lengths), np.int64)
    windows = list(Selection(nothing, nothing, np.array(lengths, np.int32), nothing).windows(buffer_bytes))
    assert [position for window in windows for position in window] == list(range(len(lengths)))
    for window in windows:
        assert len(window) == 1 or sum(lengths[position] for position in window) <= buffer_bytes


def test_the_buffer_changes_the_reading_and_not_the_shard(plan, tiles, tmp_path, monkeypatch):
    sizes = []

    def counted(self, window, buffer):
        sizes.append(len(window))
        return read(self, window, buffer)

    read = copying._Copying.read
    monkeypatch.setattr(copying._Copying, "read", counted)
    whole = written(plan, tiles, tmp_path / "whole", 10**9)
    assert sizes == [plan.tiles.shape[1]]
    monkeypatch.setattr(copying, "_FLUSHED_BYTES", 100)
    parts = written(plan, tiles, tmp_path / "parts", 1000)
    assert len(sizes) > 10
    assert parts == whole


def test_each_record_is_read_once_and_each_file_opened_once_for_a_window(plan, tiles, tmp_path, monkeypatch):
    reads = []

    def counted(descriptor, buffers, offset):
        reads.append((str(Path(f"/proc/self/fd/{descriptor}").readlink()), offset))
        return preadv(descriptor, buffers, offset)

    preadv = os.preadv
    monkeypatch.setattr(copying.os, "preadv", counted)
    written(plan, tiles, tmp_path / "shard", 10**9)
    assert len(reads) == len(set(reads)) == plan.tiles.shape[1]
    paths = [path for path, _ in reads]
    assert sum(a != b for a, b in itertools.pairwise(paths)) == len(set(paths)) - 1
    assert reads == sorted(reads)


def test_the_shard_holds_its_tiles_in_the_planned_order(plan, tiles, tmp_path):
    written(plan, tiles, tmp_path / "shard", 5000)
    found = [parse_example(record) for record in read_records(tmp_path / "shard")]
    slides = plan.source.slide_of(plan.tiles[0])
    assert [example["slide/id"].decode() for example in found] == [plan.slides[i].slide_id for i in slides]
    assert [example["tile/x"] for example in found] == (plan.tiles[0] - plan.source.starts[slides]).tolist()


@pytest.mark.parametrize("share", [0.0, 0.3, 0.999])
def test_a_tile_store_cut_short_is_named_by_its_slide(plan, tiles, tmp_path, share):
    damaged = tmp_path / "tiles"
    damaged.mkdir()
    for file in tiles.iterdir():
        content = file.read_bytes()
        keep = int(share * len(content)) if file.name == "s2.tfrecord" else len(content)
        (damaged / file.name).write_bytes(content[:keep])
    with pytest.raises(DamagedStoreError, match=r"slide 's2': its tile store is damaged .*Delete .*s2\.tfrecord"):
        for shard, selection in enumerate(Selection.of(plan, [0, 1], tiles, exclude=())):
            write_shard(tmp_path / f"{shard}", plan, selection, tiles=damaged, classes=CLASSES, buffer_bytes=10**9)
    assert not (tmp_path / "1").exists()


def flagged(tiles, folder, every):
    """The tile stores with a pen mark on one tile in so many."""
    folder.mkdir()
    for number in range(SLIDES):
        records, index = store_paths(tiles, f"s{number}")
        (folder / records.name).write_bytes(records.read_bytes())
        store = read_store(index)
        write_store(folder / index.name, replace(store, quality=(np.arange(TILES) % every == 0).astype(np.uint8)))
    return folder


def test_tiles_with_a_flag_to_exclude_are_in_no_shard(tiles, tmp_path):
    stores = flagged(tiles, tmp_path / "tiles", every=4)
    rows = [
        SplitRow(f"s{i}", f"P{i}", CLASSES[i % 2], "", "train" if i < 4 else "validation", 30, "usable", "")
        for i in range(SLIDES)
    ]
    plan = plan_shards(rows, classes=CLASSES, shard_count=2, balance=Balance(), seed=1)[0]
    found = []
    for shard, selection in enumerate(Selection.of(plan, [0, 1], stores, exclude=("pen_marks",))):
        target = tmp_path / f"{shard}"
        write_shard(target, plan, selection, tiles=stores, classes=CLASSES, buffer_bytes=10**9)
        found += [(e["slide/id"].decode(), e["tile/x"]) for e in map(parse_example, read_records(target))]
    assert sorted(found) == [(f"s{i}", x) for i in range(4) for x in range(TILES) if x % 4]


def test_a_store_that_is_not_the_one_counted_is_refused(plan, tiles, tmp_path):
    stores = flagged(tiles, tmp_path / "tiles", every=4)
    with pytest.raises(ShardingError, match=r"has 30 tiles to use, splits.tsv counts 40\. Run assign_splits again"):
        Selection.of(plan, [0], stores, exclude=("pen_marks",))
