"""The versions of what a training depends on; imports TensorFlow."""

import importlib.metadata

import slidemill
from slidemill.training.backend import keras, tf


def software(*others: str) -> dict[str, str]:
    """The versions of slidemill, TensorFlow and Keras, and of other packages by their names."""
    # slidemill need not be installed where its sources are used in their place, and tensorflow may be tensorflow-cpu.
    own = {"slidemill": slidemill.__version__, "tensorflow": tf.__version__, "keras": keras.__version__}
    return own | {name: importlib.metadata.version(name) for name in others}
