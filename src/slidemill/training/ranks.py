"""The ranks of a training and all that they exchange; nothing else in slidemill calls Horovod."""

import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.training.backend import keras, tf
from slidemill.training.parameters import Compression
from slidemill.world import check_world_size

# isort: split
# Horovod imports TensorFlow, whose settings the backend makes before.
import horovod.tensorflow as hvd
from horovod.common.exceptions import HorovodInternalError

_COMPRESSORS = {"none": hvd.Compression.none, "fp16": hvd.Compression.fp16}


class RankLostError(SlidemillError):
    """The exchange with the other ranks broke off."""

    def __str__(self) -> str:
        return (
            "a rank ended or hangs, so that the others cannot go on. The log of the rank that failed first says why; "
            "run again to go on from the last checkpoint."
        )


# Without GPUs Horovod's thread shares cores with the computation. It must not keep one busy while it waits in Open MPI,
# and not ask the other ranks a thousand times a second what they have: docs/benchmarks.md, "Two ranks". Open MPI reads
# its settings when it starts, which `hvd.init` or the import of mpi4py.MPI does, whichever comes first.
_ON_SHARED_CORES = {
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_threads_pthreads_yield_strategy": "nanosleep",
    "OMPI_MCA_threads_pthreads_nanosleep_time": "500000",
    "HOROVOD_CYCLE_TIME": "10",  # milliseconds
}


def connect(expected: int | None, *, stall_seconds: int = 600) -> None:
    """Connect this process with the other ranks and check their number.

    Args:
        expected: number of ranks that the launcher was asked for; None to take as many as there are.
        stall_seconds: a rank that lets the others wait for so long ends the job; Horovod warns after a fifth of it.

    Raises:
        WorldSizeError: the number of ranks is not the expected one.
    """
    os.environ["HOROVOD_STALL_CHECK_TIME_SECONDS"] = str(max(1, stall_seconds // 5))
    os.environ["HOROVOD_STALL_SHUTDOWN_TIME_SECONDS"] = str(stall_seconds)
    gpus = tf.config.list_physical_devices("GPU")
    if not gpus:
        for name, value in _ON_SHARED_CORES.items():
            os.environ.setdefault(name, value)
    hvd.init()
    if expected is not None:
        check_world_size(hvd.size(), expected)
    on_machine = local_rank()
    if gpus:
        tf.config.set_visible_devices(gpus[on_machine % len(gpus)], "GPU")


def rank() -> int:
    """The number of this rank, from 0 on."""
    return int(hvd.rank())


def local_rank() -> int:
    """The number of this rank among those on its machine, from 0 on.

    By host names: under `srun`, where SLURM's PMIx is older than Open MPI's, MPI and with it Horovod take every rank to
    be alone on its machine, and all would take its first GPU.
    """
    from mpi4py import MPI  # not before `connect`: see _ON_SHARED_CORES

    hosts = MPI.COMM_WORLD.allgather(socket.gethostname())
    return hosts[: rank()].count(hosts[rank()])


def count() -> int:
    """The number of ranks."""
    return int(hvd.size())


def is_first() -> bool:
    """Whether this is rank 0, which alone writes files and logs."""
    return rank() == 0


def tensors(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    """The TensorFlow variables inside Keras 3 variables; Horovod only knows the former."""
    return [variable.value for variable in variables]


@contextmanager
def exchange() -> Iterator[None]:
    """Tell what Horovod raises when another rank is lost as a RankLostError."""
    try:
        yield
    except (HorovodInternalError, tf.errors.OpError) as error:
        if "Horovod" not in str(error):
            raise
        raise RankLostError from error


def averaging(tape: tf.GradientTape, compression: Compression = "none") -> tf.GradientTape:
    """Let a tape give gradients that are averaged over all ranks.

    With GPUs each gradient is sent as soon as it is computed, while the device computes the next. On shared cores they
    are sent together when all are computed, because there the exchange only holds up the computation.
    """
    groups = None if tf.config.list_physical_devices("GPU") else 1
    return hvd.DistributedGradientTape(tape, compression=_COMPRESSORS[compression], groups=groups)


def averaged(gradients: Sequence[tf.Tensor], compression: Compression = "none") -> list[tf.Tensor]:
    """The average over all ranks of gradients that are already computed."""
    if count() == 1:
        return list(gradients)
    return list(hvd.grouped_allreduce(gradients, op=hvd.Average, compression=_COMPRESSORS[compression]))


def added(value: tf.Tensor) -> tf.Tensor:
    """The sum over all ranks, inside a tf.function."""
    # A rank that is alone would all the same wait for Horovod's next round.
    return value if count() == 1 else hvd.allreduce(value, op=hvd.Sum)


def broadcast(variables: Sequence[keras.Variable]) -> None:
    """Give all ranks the values of rank 0."""
    hvd.broadcast_variables(tensors(variables), root_rank=0)


def broadcast_object(value: Any) -> Any:
    """Return the small Python object of rank 0 on all ranks."""
    return hvd.broadcast_object(value, root_rank=0)


def average_statistics(model: keras.Model) -> None:
    """Average the moving statistics of BatchNorm, which each rank gathers from its own tiles."""
    statistics = [v.value for v in model.non_trainable_variables if v.dtype.startswith("float")]
    if statistics:
        means = hvd.grouped_allreduce([tf.convert_to_tensor(v) for v in statistics], op=hvd.Average)
        for variable, mean in zip(statistics, means, strict=True):
            variable.assign(mean)


def total(values: np.ndarray | tf.Tensor) -> np.ndarray:
    """The sum of an array over all ranks."""
    return np.asarray(hvd.allreduce(tf.convert_to_tensor(values), op=hvd.Sum))


def gathered(rows: np.ndarray) -> np.ndarray:
    """The rows of all ranks, in order of rank."""
    return np.asarray(hvd.allgather(tf.convert_to_tensor(rows)))


def gathered_objects(value: Any) -> list[Any]:
    """The small Python objects of all ranks; all ranks wait for each other here."""
    return list(hvd.allgather_object(value))
