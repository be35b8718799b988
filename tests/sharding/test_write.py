import hashlib
import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from slidemill.records import RecordWriter, encode_example, parse_example, read_records
from slidemill.splits import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

SCRIPT = Path(__file__).parents[2] / "scripts" / "shard_tiles.py"
MPIRUN = Path(sys.executable).parent / "mpirun"
CLASSES = ("LUAD", "LUSC")
SPLIT_OF = {"a": "train", "b": "train", "c": "validation", "d": "validation", "e": "test"}


@pytest.fixture
def cohort(tmp_path):
    """Five slides of 11 tiny tiles each, and their splits.tsv."""
    rows = []
    for number, (slide_id, split) in enumerate(SPLIT_OF.items()):
        tile_store(tmp_path / "tiles", slide_id, 11)
        label = CLASSES[number % 2]
        rows.append(SplitRow(slide_id, f"P{slide_id}", label, "", split, 11, "usable", ""))
    write_splits(tmp_path / "splits.tsv", rows)
    return tmp_path


def tile_store(folder, slide_id, tile_count, mpp=0.5):
    folder.mkdir(exist_ok=True)
    records, index = store_paths(folder, slide_id)
    with records.open("wb") as file:
        writer = RecordWriter(file)
        places = [writer.write(encode_example({"slide/id": slide_id, "tile/x": x})) for x in range(tile_count)]
    summary = StoreSummary(
        slide_id=slide_id,
        patient_id=f"P{slide_id}",
        status="usable",
        reason="",
        flags=(),
        tile_count=tile_count,
        grid_count=tile_count,
        tile_extent=SlidePixels(256),
        parameters={"tile_size": 256, "mpp": mpp},
        slide=None,
        versions={},
    )
    offset, length = np.array(places).T
    write_store(index, TileStore(summary=summary, quality=np.zeros(tile_count, np.uint8), offset=offset, length=length))


def shard_tiles(cohort, output, *, ranks=1, expect=None, shards=2):
    environment = os.environ | {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [MPIRUN, "--map-by", ":oversubscribe", "-n", str(ranks), sys.executable, SCRIPT]
    options = ["--splits", cohort / "splits.tsv", "--tiles", cohort / "tiles", "--output", output]
    options += ["--class", "LUAD", "--class", "LUSC", "--shard-count", str(shards)]
    options += ["--balance", "none", "--seed", "1", "--buffer-mb", "1"]
    return subprocess.run(
        [*command, *options, "--expect-ranks", str(expect or ranks)],
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def contents(folder):
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def test_every_record_is_in_one_shard_with_its_class(cohort):
    assert shard_tiles(cohort, cohort / "shards").returncode == 0
    plan = json.loads((cohort / "shards" / "plan.json").read_text())
    assert (plan["classes"], plan["tile_size"], plan["tile_mpp"]) == (list(CLASSES), 256, 0.5)
    assert plan["balance"] == {"mode": "none", "max_tiles_per_slide": None}
    for split in ("train", "validation"):
        files = [cohort / "shards" / shard["file"] for shard in plan[split]["shards"]]
        assert [file.name for file in files] == [f"{split}-0-of-2.tfrecord", f"{split}-1-of-2.tfrecord"]
        examples = [[parse_example(record) for record in read_records(file)] for file in files]
        assert [len(shard) for shard in examples] == [11, 11] == [plan[split]["tiles_per_shard"]] * 2
        slides = Counter(example["slide/id"].decode() for shard in examples for example in shard)
        assert slides == {slide_id: 11 for slide_id, own in SPLIT_OF.items() if own == split}
        assert slides == plan[split]["slide_tiles"]
        for example in (example for shard in examples for example in shard):
            label = CLASSES[list(SPLIT_OF).index(example["slide/id"].decode()) % 2]
            assert example["image/class/text"].decode() == label
            assert example["image/class/label"] == CLASSES.index(label)
        for shard, file in zip(plan[split]["shards"], files, strict=True):
            assert shard["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
            assert shard["tiles"] == 11


@pytest.mark.slow
def test_any_number_of_ranks_writes_the_same_shards(cohort):
    for ranks in (1, 2, 3):
        assert shard_tiles(cohort, cohort / f"shards{ranks}", ranks=ranks).returncode == 0
    assert contents(cohort / "shards1") == contents(cohort / "shards2") == contents(cohort / "shards3")


def test_ranks_that_do_not_find_each_other_are_refused(cohort):
    run = shard_tiles(cohort, cohort / "shards", ranks=1, expect=2)
    assert run.returncode == 1
    assert "error: 1 rank(s) are connected, 2 were expected" in run.stderr
    assert "Traceback" not in run.stderr
    assert not (cohort / "shards").exists()


def test_a_damaged_record_stops_all_ranks_and_is_named(cohort):
    records, _ = store_paths(cohort / "tiles", "b")
    content = bytearray(records.read_bytes())
    content[len(content) // 2] ^= 1
    records.write_bytes(content)
    run = shard_tiles(cohort, cohort / "shards", ranks=2)
    assert run.returncode != 0
    assert "slide 'b': its tile store is damaged" in run.stderr
    assert "b.tfrecord: the record at byte" in run.stderr
    assert "Traceback" not in run.stderr
    assert "plan.json" not in os.listdir(cohort / "shards")


def test_stores_cut_in_different_ways_are_refused(cohort):
    tile_store(cohort / "tiles", "b", 11, mpp=1.0)
    run = shard_tiles(cohort, cohort / "shards")
    assert run.returncode == 1
    assert "cut in different ways (a: 256 px at 0.5 um per px; b: 256 px at 1.0 um per px)" in run.stderr
