"""Write one tensor as `torch.save` does, without torch.

Such a file is a zip of a pickle, which says what the tensor is, and the bytes of its storage. The pickle is written by
its opcodes, because Python's pickler would need torch's classes. It names what `torch.load(weights_only=True)` allows,
and nothing else. Source: torch/serialization.py, `_save`; pickletools of Python for the opcodes.
"""

import math
import struct
import sys
import zipfile
from pathlib import Path

import numpy as np

from slidemill.atomic import atomic_path

_ROOT = "archive"
_DATE = (1980, 1, 1, 0, 0, 0)  # equal tensors give equal bytes


def write_tensor(path: Path, array: np.ndarray) -> None:
    """Write an array as a float32 tensor, atomically.

    Args:
        path: the .pt file.
        array: of any shape.
    """
    values = np.ascontiguousarray(array, "<f4")
    with atomic_path(path) as temporary, zipfile.ZipFile(temporary, "w", zipfile.ZIP_STORED) as file:
        for name, content in (
            ("data.pkl", _pickle(values)),
            ("byteorder", b"little"),
            ("data/0", values.tobytes()),
            ("version", b"3\n"),
        ):
            file.writestr(zipfile.ZipInfo(f"{_ROOT}/{name}", _DATE), content)


def _pickle(values: np.ndarray) -> bytes:
    strides = [math.prod(values.shape[axis + 1 :]) for axis in range(values.ndim)]
    storage = b"(" + _text("storage") + b"ctorch\nFloatStorage\n" + _text("0") + _text("cpu") + _number(values.size)
    return b"".join(
        [
            b"\x80\x02",  # protocol 2
            b"ctorch._utils\n_rebuild_tensor_v2\n(",
            storage + b"tQ",  # persistent id of the storage
            _number(0),  # where in the storage it begins
            b"(" + b"".join(map(_number, values.shape)) + b"t",
            b"(" + b"".join(map(_number, strides)) + b"t",
            b"\x89",  # needs no gradient
            b"ccollections\nOrderedDict\n)R",  # no hooks
            b"tR.",
        ]
    )


def _text(text: str) -> bytes:
    return b"X" + struct.pack("<I", len(text)) + text.encode()


def _number(number: int) -> bytes:
    if number <= sys.maxsize >> 32:
        return b"J" + struct.pack("<i", number)
    content = number.to_bytes(number.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8a" + bytes([len(content)]) + content
