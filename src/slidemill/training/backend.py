"""The one place that imports TensorFlow and Keras: `from slidemill.training.backend import keras, tf`.

Their environment variables only count before the first import.
"""

import os
from collections.abc import Callable
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # a user's ~/.keras/keras.json may name another one
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings of the C++ side are not for users

import keras
import tensorflow as tf

__all__ = ["as_graph", "configure", "keras", "tf", "unconverted"]


def as_graph(function: Callable[..., Any], **options: Any) -> Callable[..., Any]:
    """Let TensorFlow compute a function as a graph.

    Its Python is run as it stands, once, to make the graph: loops and conditions on tensors are written with
    `tf.while_loop` and `tf.cond`. TensorFlow would rewrite the source of all that the function calls, which takes
    seconds at each start and leaves files behind where the process is killed.

    Args:
        function: of tensors.
        options: of tf.function, such as `input_signature`.
    """
    return tf.function(function, autograph=False, **options)


def unconverted(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function for a step of a tf.data.Dataset, which becomes a graph as `as_graph` makes it."""
    step: Callable[..., Any] = tf.autograph.experimental.do_not_convert(function)
    return step


def configure(threads: int) -> None:
    """Set how many CPU threads TensorFlow may use, and let it take a GPU's memory only as it needs it.

    Args:
        threads: for the operations of this process; has to be the same in all calls of a process.
    """
    if tf.config.threading.get_intra_op_parallelism_threads() != threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
        for gpu in tf.config.list_physical_devices("GPU"):
            tf.config.experimental.set_memory_growth(gpu, True)
