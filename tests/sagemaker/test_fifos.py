"""Shards through FIFOs: whatever the hosts and their ranks, every record is read once in each pass."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slidemill.classifier.fifo_lists import write_fifo_lists
from slidemill.classifier.plan import FORMAT, read_plan
from slidemill.records import FifoChannel, RecordWriter

from .standin.channels import Pipe, Source
from .standin.handle import BUCKET

KINDS = ("train", "validation")
RECORDS = 5
PASSES = 2


def write_shards(folder, count):
    """Shards of distinct records, and their plan."""
    plan = {"format": FORMAT, "classes": ["a", "b"], "tile_size": 256, "tile_mpp": 0.5}
    for kind in KINDS:
        names = [f"{kind}-{shard}-of-{count}.tfrecord" for shard in range(count)]
        for name in names:
            with (folder / name).open("wb") as file:
                writer = RecordWriter(file)
                for number in range(RECORDS):
                    writer.write(f"{name} {number}".encode())
        plan[kind] = {"tiles_per_shard": RECORDS, "class_tiles": {}, "shards": [{"file": name} for name in names]}
    (folder / "plan.json").write_text(json.dumps(plan))
    return folder / "plan.json"


@pytest.mark.parametrize(
    ("hosts", "ranks_per_host", "shards_per_rank"), [(1, 4, 1), (2, 2, 1), (4, 1, 1), (3, 2, 1), (3, 2, 2)]
)
def test_every_record_is_read_once_in_each_pass(sagemaker, tmp_path, hosts, ranks_per_host, shards_per_rank):
    shards = tmp_path / "shards"
    shards.mkdir()
    count = hosts * ranks_per_host * shards_per_rank
    plan = write_shards(shards, count)
    address = f"s3://{BUCKET}/{tmp_path.name}/shards/"
    write_fifo_lists(plan, fifos=ranks_per_host, address=address, folder=shards / "channels")
    sagemaker.storage.upload_folder(shards, address)
    ended = threading.Event()
    for host in range(hosts):
        (tmp_path / f"host-{host}").mkdir()
        for kind in KINDS:
            for rank in range(ranks_per_host):
                name = f"{kind}_{rank}"
                source = Source(name, f"{address}channels/{name}.manifest", is_manifest=True, sharded=True)
                place = {"host": host, "hosts": hosts, "attempt": 1}
                Pipe(sagemaker.storage, source, tmp_path / f"host-{host}", **place).start(ended)

    def read(kind, host, rank):
        channel = FifoChannel(tmp_path / f"host-{host}" / f"{kind}_{rank}", wait_seconds=600)
        return [[record for block in channel.blocks() for record in block] for _ in range(PASSES)]

    ranks = [(host, rank) for host in range(hosts) for rank in range(ranks_per_host)]
    with ThreadPoolExecutor(2 * len(ranks)) as pool:
        readings = {kind: [pool.submit(read, kind, *place) for place in ranks] for kind in KINDS}
    ended.set()
    planned = dict(read_plan(plan, ranks=len(ranks)).parts())
    for kind in KINDS:
        for number in range(PASSES):
            parts = [reading.result()[number] for reading in readings[kind]]
            assert {len(part) for part in parts} == {planned[kind].of_rank(0, len(ranks)).tiles}
            everything = [record for part in parts for record in part]
            assert sorted(everything) == sorted(
                f"{file.name} {i}".encode() for file in planned[kind].files for i in range(RECORDS)
            )
