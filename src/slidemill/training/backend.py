"""The one place that imports TensorFlow and Keras: `from slidemill.training.backend import keras, tf`.

Their environment variables only count before the first import.
"""

import gc
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

os.environ["KERAS_BACKEND"] = "tensorflow"  # a user's ~/.keras/keras.json may name another one
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings of the C++ side are not for users


class _Hidden:
    """Says that packages are not there, to imports of the thread that has made it."""

    def __init__(self, *packages: str) -> None:
        self._packages = packages
        self._thread = threading.get_ident()

    def find_spec(self, name: str, *_: object) -> None:
        """Asked by Python before its own finders, and for no package that is imported already."""
        if name in self._packages and threading.get_ident() == self._thread:
            raise ModuleNotFoundError(f"{name} is hidden", name=name)


@contextmanager
def _without(*packages: str) -> Iterator[None]:
    """Let what is imported here do without packages that are not imported yet; afterwards they can be."""
    hidden = _Hidden(*packages)
    sys.meta_path.insert(0, hidden)
    try:
        yield
    finally:
        sys.meta_path.remove(hidden)


@contextmanager
def _without_collections() -> Iterator[None]:
    """Let nothing look for garbage meanwhile, nor ever among what is there afterwards."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if was_enabled:
            gc.enable()


# Each rank and each job that scores waits for this start. Keras and TensorFlow import these packages where they are
# installed, for tables, plots and wrappers that nothing here uses: a third of it. Another fifth would go to looking for
# garbage among hundreds of thousands of objects that stay.
with _without("matplotlib", "pandas", "scipy", "sklearn"), _without_collections():
    import keras
    import tensorflow as tf

__all__ = ["as_graph", "configure", "keras", "on_host", "tf", "unconverted"]


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


def on_host() -> AbstractContextManager[Any]:
    """A context in which tensors are made in the memory of the host.

    A GPU takes what Python gives it when it is done with all that it was given before, and Python waits for that. A
    graph that is given tensors of the host fetches them by itself.
    """
    device: AbstractContextManager[Any] = tf.device("CPU:0")
    return device


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
