"""What packing shards costs: time against `cp` of the same bytes, and peak memory at ten times the tiles.

Usage: python benchmarks/shards.py [--folder FOLDER]
"""

import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np

from slidemill.records import RecordWriter, encode_example
from slidemill.sharding import Balance, plan_shards
from slidemill.sharding.copy import Selection, write_shard
from slidemill.splits import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

CLASSES = ("A", "B")
TILE_BYTES = 67_000  # of a 512 x 512 tile at JPEG quality 85
BUFFER_MB = 64
SCRIPT = Path(__file__).parents[1] / "scripts" / "shard_tiles.py"

PEAK = """
import atexit, os, re, runpy, sys
from pathlib import Path
atexit.register(lambda: print(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]))
sys.argv = sys.argv[1:]
sys.path.insert(0, os.path.dirname(sys.argv[0]))
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@click.command(help=__doc__)
@click.option("--folder", type=Path, help="For some GB of files; a temporary one where it is not given.")
def main(folder: Path | None) -> None:
    with tempfile.TemporaryDirectory(dir=folder) as temporary:
        time_against_cp(Path(temporary) / "full", slides=40, tiles=200)
        few = peak_mb(Path(temporary) / "few", slides=100, tiles=1_000)
        many = peak_mb(Path(temporary) / "many", slides=100, tiles=10_000)
    print(f"peak memory, empty tiles: {few:.0f} MB for 100,000, {many:.0f} MB for 1,000,000")


def time_against_cp(folder: Path, *, slides: int, tiles: int) -> None:
    """Print the time of one process against cp, both until the bytes are on disk: the fastest of rounds in turn."""
    rows = write_cohort(folder, slides=slides, tiles=tiles, payload=TILE_BYTES)
    plan = plan_shards(rows, classes=CLASSES, shard_count=2, balance=Balance(), seed=1)
    records = [store_paths(folder, row.slide_id)[0] for row in rows]

    def shard() -> None:
        for part in plan:
            for number, selection in enumerate(Selection.of(part, range(2), folder, exclude=())):
                target = folder / part.shard_name(number)
                write_shard(target, part, selection, tiles=folder, classes=CLASSES, buffer_bytes=BUFFER_MB * 1_000_000)

    def copy() -> None:
        for path in records:
            target = folder / f"copy-{path.name}"
            subprocess.run(["cp", path, target], check=True)
            with target.open("rb") as file:
                os.fsync(file.fileno())

    copy(), shard()  # warm
    pairs = [(timed(copy), timed(shard)) for _ in range(5)]
    megabytes = sum(path.stat().st_size for path in records) / 1e6
    copied, sharded = (min(column) for column in zip(*pairs, strict=True))
    times = f"cp {copied:.2f} s, shards {sharded:.2f} s, ratio {sharded / copied:.2f}"
    print(f"{slides * tiles} tiles, {megabytes:.0f} MB: {times}")
    shutil.rmtree(folder)


def peak_mb(folder: Path, *, slides: int, tiles: int) -> float:
    """Peak memory of the program on tiles without pixels, MB."""
    write_cohort(folder, slides=slides, tiles=tiles, payload=0)
    command = [sys.executable, SCRIPT, "--expect-ranks", "1", "--splits", folder / "splits.tsv", "--tiles", folder]
    command += ["--class", "A", "--class", "B", "--shard-count", "8", "--balance", "none", "--seed", "1"]
    command += ["--buffer-mb", str(BUFFER_MB), "--output", folder / "shards"]
    # VmHWM is of the program alone; ru_maxrss would start with what this process had when it started the other.
    run = subprocess.run(
        [sys.executable, "-c", PEAK, *map(str, command[1:])], check=True, capture_output=True, text=True
    )
    return float(run.stdout) / 1000


def write_cohort(folder: Path, *, slides: int, tiles: int, payload: int) -> list[SplitRow]:
    """Tile stores and splits.tsv of slides with equally many tiles, a tenth of them for validation."""
    folder.mkdir()
    noise = np.random.default_rng(0).bytes(payload)
    rows = []
    for number in range(slides):
        slide_id = f"s{number:04}"
        records, index = store_paths(folder, slide_id)
        with records.open("wb") as file:
            writer = RecordWriter(file)
            record = encode_example({"image/encoded": noise, "slide/id": slide_id})
            places = np.array([writer.write(record) for _ in range(tiles)])
        summary = StoreSummary(
            slide_id,
            slide_id,
            "usable",
            "",
            (),
            tiles,
            tiles,
            SlidePixels(1024),
            {"tile_size": 512, "mpp": 0.5},
            None,
            {},
        )
        write_store(
            index, TileStore(summary, quality=np.zeros(len(places), np.uint8), offset=places[:, 0], length=places[:, 1])
        )
        split = "train" if number % 20 > 1 else "validation"
        rows.append(SplitRow(slide_id, slide_id, CLASSES[number % 2], "", split, tiles, "usable", ""))
    write_splits(folder / "splits.tsv", rows)
    return rows


def timed(work: Callable[[], None]) -> float:
    """Seconds that something takes."""
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
