"""The one place that imports TensorFlow and Keras: `from slidemill.training.backend import keras, tf`.

Their environment variables only count before the first import.
"""

import os

os.environ["KERAS_BACKEND"] = "tensorflow"  # a user's ~/.keras/keras.json may name another one
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")  # warnings of the C++ side are not for users

import keras
import tensorflow as tf

__all__ = ["configure", "keras", "tf"]


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
