"""Start a model from weights in a file.

A file of Keras holds arrays by a path of layer names, such as `layers/inception_v3/layers/conv2d_7/vars/0`. What stands
before the layers of the network itself may differ, so that files of a whole model and of its network alone both fit.
"""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import h5py
import numpy as np

from slidemill.classifier.models import network_of
from slidemill.errors import SlidemillError
from slidemill.machine import machine_trouble
from slidemill.training.backend import keras

_KERAS_ENTRY = "model.weights.h5"
_HEAD = "layers/dense/"
_KERAS_2_ATTRIBUTE = "layer_names"


class WeightsError(SlidemillError):
    """A weights file that does not fit the model."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"training.weights {self.path}: {self.reason}. Give weights of training.architecture, or null for none."


def load_weights(model: keras.Model, path: Path) -> None:
    """Give all layers of a model but its head the weights of a file, by name and shape.

    Args:
        model: of `build_model`; its head keeps its random weights.
        path: `.keras`, `.weights.h5`, or a `.h5` of keras.applications.

    Raises:
        WeightsError: the file is missing or damaged, or lacks the weights of a layer in its shape.
    """
    try:
        with _opened(path) as source:
            if _KERAS_2_ATTRIBUTE in source.attrs:
                _load_keras_2(model, path)
            else:
                _load_by_name(model, path, dict(_arrays(source)))
    except FileNotFoundError:
        raise WeightsError(path, "there is no such file") from None
    except (OSError, KeyError, zipfile.BadZipFile) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise WeightsError(path, f"not a file of Keras weights ({error})") from error


def _load_by_name(model: keras.Model, path: Path, source: dict[str, np.ndarray]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        own = Path(folder) / "own.weights.h5"
        model.save_weights(own)
        missing = []
        with h5py.File(own, "r+") as target:
            for name, array in _arrays(target):
                if name.startswith(_HEAD):
                    continue
                found = _found(source, name, array.shape)
                if found is None:
                    missing.append(name)
                else:
                    target[name][...] = found
            count = sum(not name.startswith(_HEAD) for name, _ in _arrays(target))
        if missing:
            reason = f"it lacks {len(missing)} of the {count} arrays of {model.name}, such as {missing[0]}"
            raise WeightsError(path, reason)
        model.load_weights(own)


def _load_keras_2(model: keras.Model, path: Path) -> None:
    """The files that keras.applications downloads, without their head ("notop")."""
    try:
        network_of(model).load_weights(path)
    except ValueError as error:
        raise WeightsError(path, " ".join(str(error).split())) from error


@contextmanager
def _opened(path: Path) -> Iterator[h5py.File]:
    if zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive, archive.open(_KERAS_ENTRY) as file, h5py.File(file) as weights:
            yield weights
    else:
        if not path.exists():
            raise FileNotFoundError(path)
        with h5py.File(path) as weights:
            yield weights


def _arrays(group: h5py.File) -> Iterator[tuple[str, np.ndarray]]:
    names: list[str] = []
    group.visititems(lambda name, item: names.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in names:
        yield name, group[name][()]


def _found(source: dict[str, np.ndarray], name: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """The array of this name, or of the name inside a network alone."""
    for candidate in (name, "/".join(name.split("/")[2:])):
        if candidate in source and source[candidate].shape == shape:
            return source[candidate]
    return None
