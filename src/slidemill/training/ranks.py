"""The ranks of a training and all that they exchange; nothing else in slidemill calls Horovod."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from slidemill.training.backend import keras, tf
from slidemill.world import check_world_size

# isort: split
# Horovod imports TensorFlow, whose settings the backend makes before.
import horovod.tensorflow as hvd

# A rank that hangs must end the job instead of keeping a cluster busy for days.
_STALL_SECONDS = {"HOROVOD_STALL_CHECK_TIME_SECONDS": "60", "HOROVOD_STALL_SHUTDOWN_TIME_SECONDS": "300"}


def connect(expected: int) -> None:
    """Connect this process with the other ranks and check their number.

    Raises:
        WorldSizeError: the number of ranks is not the expected one.
    """
    for setting, seconds in _STALL_SECONDS.items():
        os.environ.setdefault(setting, seconds)
    hvd.init()
    check_world_size(hvd.size(), expected)
    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        tf.config.set_visible_devices(gpus[hvd.local_rank() % len(gpus)], "GPU")


def rank() -> int:
    """The number of this rank, from 0 on."""
    return int(hvd.rank())


def is_first() -> bool:
    """Whether this is rank 0, which alone writes files and logs."""
    return rank() == 0


def tensors(variables: Sequence[keras.Variable]) -> list[tf.Variable]:
    """The TensorFlow variables inside Keras 3 variables; Horovod only knows the former."""
    return [variable.value for variable in variables]


def averaging(tape: tf.GradientTape) -> tf.GradientTape:
    """Let a tape give gradients that are averaged over all ranks. This is the whole exchange of a training step."""
    return hvd.DistributedGradientTape(tape)


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


def total(values: tf.Tensor) -> np.ndarray:
    """The sum of a tensor over all ranks."""
    return np.asarray(hvd.allreduce(values, op=hvd.Sum))
