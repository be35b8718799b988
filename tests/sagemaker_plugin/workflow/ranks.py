"""An MPI program for the tests: `ranks.py gather|fail|steps OUTPUT [INPUT ...]`."""

import json
import os
import signal
import socket
import sys
import time
from pathlib import Path

from mpi4py import MPI

CHECKPOINT = Path("/opt/ml/checkpoints/step")
world = MPI.COMM_WORLD


def gather(output, inputs):
    """Where each rank is, and what it sees."""
    seen = {
        "rank": world.rank,
        "host": socket.gethostname(),
        "local": os.environ["OMPI_COMM_WORLD_LOCAL_RANK"],
        "variable": os.environ.get("SET_BY_RULE"),
        "inputs": [Path(name).read_text() for name in inputs],
        "linked": [name for name in inputs if Path(name).is_symlink()],
    }
    every = world.gather(seen)
    if world.rank == 0:
        Path(output).write_text(json.dumps(every))


def fail(output, inputs):
    """The last rank breaks, the others wait for it."""
    if world.rank == world.size - 1:
        print(f"rank {world.rank}: the disk is full", flush=True)
        os._exit(7)
    world.barrier()


def steps(output, inputs):
    """Work that is saved on SIGTERM, without which it has no end at first, and goes on from there."""
    asked = []
    signal.signal(signal.SIGTERM, lambda *_: asked.append(True))
    first = step = int(CHECKPOINT.read_text()) if CHECKPOINT.exists() else 0
    print(f"rank {world.rank} starts at {first}", flush=True)
    last = first + 2 if first else sys.maxsize
    while step < last:
        step += 1
        time.sleep(0.1)
        every = world.allgather(bool(asked))
        if any(every):
            if world.rank == 0:
                CHECKPOINT.write_text(str(step))
            print(f"rank {world.rank} saved {step}, asked {every}", flush=True)
            sys.exit(75)
    if world.rank == 0:
        Path(output).write_text(f"from {first} to {step}")


if __name__ == "__main__":
    {"gather": gather, "fail": fail, "steps": steps}[sys.argv[1]](sys.argv[2], sys.argv[3:])
