"""Lists of the shards that come through FIFOs, where ranks on several hosts share no file system.

A host has as many FIFOs of a kind of shard as it has ranks. Those of the same number, one on each host, belong to one
channel, whose shards are divided among the hosts; so shard i belongs to channel i % (ranks on each host), which gives
each rank equally many shards, whatever the number of hosts.

Source: Amazon SageMaker API reference, S3DataSource, S3DataType ManifestFile: a JSON array of an object with the common
prefix of all keys, and of the rest of each key.
"""

import json
from pathlib import Path

from slidemill.atomic import write_bytes
from slidemill.classifier.plan import read_plan


def write_fifo_lists(plan_file: Path, *, fifos: int, address: str, folder: Path) -> None:
    """Write {kind}_{number}.manifest for each kind of shard and each FIFO of a host.

    Args:
        plan_file: shards/plan.json.
        fifos: ranks on each host.
        address: of the folder of the shards in a storage, such as s3://bucket/results/shards/.
        folder: to write to.

    Raises:
        ShardPlanError: the plan is missing or damaged, or its shards cannot be shared equally.
    """
    for kind, shards in read_plan(plan_file, ranks=fifos).parts():
        for number in range(fifos):
            names = [file.name for file in shards.of_fifo(number, fifos)]
            manifest = json.dumps([{"prefix": address}, *names])
            write_bytes(folder / f"{kind}_{number}.manifest", manifest.encode())
