"""Tensors of a file that torch wrote before version 1.6, read without torch and without running what is in it.

Such a file is three pickles (a magic number, the version, the system), one with the tensors' names and places, one with
the keys of the storages, and then the storages' bytes. A pickle may call any function of Python; here it may not.
Source: torch/serialization.py, `_legacy_save`.
"""

import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

_MAGIC = 0x1950A86A20F9469CFC6C
_VERSION = 1001
_DTYPES = {"FloatStorage": "<f4", "DoubleStorage": "<f8", "LongStorage": "<i8"}
_COUNT = struct.Struct("<q")


class LegacyPickleError(ValueError):
    """A file that is no such file, or is cut short, or wants to call something else."""


class _Tensor(NamedTuple):
    storage: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class _Unpickler(pickle.Unpickler):
    def __init__(self, file: BinaryIO, dtypes: dict[str, str]) -> None:
        super().__init__(file)
        self._dtypes = dtypes

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) == ("collections", "OrderedDict"):
            return OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, shape, strides, *_: _Tensor(storage, offset, shape, strides)
        if module == "torch" and name in _DTYPES:
            return name
        raise LegacyPickleError(f"it wants to call {module}.{name}")

    def persistent_load(self, pid: Any) -> str:
        _, storage_type, key, *_ = pid
        self._dtypes[key] = _DTYPES[storage_type]
        return str(key)


def read_legacy_tensors(path: Path) -> dict[str, np.ndarray]:
    """The tensors of a state dict by name.

    Raises:
        LegacyPickleError: the file is damaged, or is not what it should be.
    """
    try:
        with path.open("rb") as file:
            return _read(file)
    except (pickle.UnpicklingError, EOFError, KeyError, TypeError, ValueError, AttributeError) as error:
        raise LegacyPickleError(str(error) or "it is cut short") from None


def _read(file: BinaryIO) -> dict[str, np.ndarray]:
    dtypes: dict[str, str] = {}

    def unpickled() -> Any:
        return _Unpickler(file, dtypes).load()

    if unpickled() != _MAGIC or unpickled() != _VERSION:
        raise LegacyPickleError("it is not of torch's old format")
    unpickled()  # the system that wrote it: all that write such files are little endian
    tensors = unpickled()
    storages = {key: _storage(file, np.dtype(dtypes[key])) for key in unpickled()}
    return {name: _array(tensor, storages[tensor.storage]) for name, tensor in tensors.items()}


def _storage(file: BinaryIO, dtype: np.dtype) -> np.ndarray:
    head = file.read(_COUNT.size)
    if len(head) != _COUNT.size:
        raise LegacyPickleError("it is cut short")
    (count,) = _COUNT.unpack(head)
    content = file.read(max(0, count) * dtype.itemsize)
    if len(content) != count * dtype.itemsize:
        raise LegacyPickleError("it is cut short")
    return np.frombuffer(content, dtype)


def _array(tensor: _Tensor, storage: np.ndarray) -> np.ndarray:
    last = tensor.offset + sum((side - 1) * stride for side, stride in zip(tensor.shape, tensor.strides, strict=True))
    if tensor.offset < 0 or min((0, *tensor.strides)) < 0 or not last < storage.size:
        raise LegacyPickleError("a tensor lies outside of its storage")
    strides = [stride * storage.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(storage[tensor.offset :], tensor.shape, strides).copy()
