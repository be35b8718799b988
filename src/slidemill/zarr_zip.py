"""Arrays and attributes in one Zarr v3 group inside one zip file, the same bytes for the same content.

One file, because object storage knows no folders and parallel file systems dislike many small files.

They are written and read here, one chunk an array, in the few forms that the zarr library's own defaults give, and
which it reads: importing it takes as long as cutting two hundred tiles, and a job for each slide would pay it.
Source: the Zarr core specification, version 3, and its codecs `bytes` and `zstd`.
"""

import io
import json
import math
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_bytes
from slidemill.errors import SlidemillError
from slidemill.machine import machine_trouble

# Zip entries need a date; a fixed one (the earliest that the format knows) keeps equal content equal in bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)
_ZSTD_LEVEL = 1  # the fastest


class ZarrZipError(SlidemillError):
    """A Zarr zip file that cannot be read."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path}: not a readable Zarr zip file ({self.reason}). Delete it and run again to make it anew."


@dataclass(frozen=True, slots=True)
class ZarrContent:
    """What one Zarr zip file holds."""

    arrays: dict[str, np.ndarray]
    attributes: dict[str, Any]


def write_zarr_zip(path: Path, *, arrays: Mapping[str, np.ndarray], attributes: Mapping[str, Any]) -> None:
    """Write named arrays and JSON-like attributes as a Zarr v3 group into one zip file, atomically."""
    entries = {"zarr.json": _as_json({"zarr_format": 3, "node_type": "group", "attributes": dict(attributes)})}
    for name, array in arrays.items():
        entries[f"{name}/zarr.json"] = _as_json(_array_metadata(array.shape, array.dtype))
        if array.size:
            entries[_chunk_name(name, array.shape)] = _encoded(array)
    write_bytes(path, _zipped(entries))


def read_zarr_zip(path: Path, names: Collection[str] | None = None) -> ZarrContent:
    """Read the attributes and the named arrays (None: all) of a file that `write_zarr_zip` wrote.

    Raises:
        ZarrZipError: the file is missing, cut short or something else, or has no such array.
    """
    with _opened(path) as archive:
        attributes = _metadata(archive, "zarr.json")["attributes"]
        if not isinstance(attributes, dict):
            raise ValueError("no attributes")
        wanted = _array_names(archive) if names is None else names
        return ZarrContent({name: _read_array(archive, name) for name in sorted(wanted)}, attributes)


def read_zarr_attributes(path: Path) -> dict[str, Any]:
    """Read the attributes alone: a tenth of a millisecond, for who looks at many files.

    Raises:
        ZarrZipError: the file is missing, cut short or something else.
    """
    return read_zarr_zip(path, names=()).attributes


@contextmanager
def _opened(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    # Damage may show anywhere: in the zip file's tables, in what they lead to, in what that says of arrays.
    except (OSError, zipfile.BadZipFile, LookupError, ValueError, TypeError, EOFError, NotImplementedError) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ZarrZipError(path, str(error)) from error


def _array_names(archive: zipfile.ZipFile) -> list[str]:
    return [name.removesuffix("/zarr.json") for name in archive.namelist() if name.endswith("/zarr.json")]


def _metadata(archive: zipfile.ZipFile, entry: str) -> dict[str, Any]:
    metadata = json.loads(archive.read(entry))
    if not isinstance(metadata, dict):
        raise TypeError(f"{entry} is no object")
    return metadata


def _read_array(archive: zipfile.ZipFile, name: str) -> np.ndarray:
    metadata = _metadata(archive, f"{name}/zarr.json")
    shape, dtype = tuple(metadata["shape"]), np.dtype(metadata["data_type"])
    form = _array_metadata(shape, dtype)
    if any(metadata[key] != form[key] for key in ("chunk_grid", "chunk_key_encoding", "codecs")):
        raise ValueError(f"the array {name} has another form than those that are written here")
    size = math.prod(shape)
    content = _decoded(archive.read(_chunk_name(name, shape)), size * dtype.itemsize) if size else bytearray()
    return np.frombuffer(content, dtype.newbyteorder("<")).reshape(shape).astype(dtype, copy=False)


def _array_metadata(shape: tuple[int, ...], dtype: np.dtype) -> dict[str, Any]:
    layout: dict[str, Any] = {"name": "bytes"}
    if dtype.itemsize > 1:
        layout["configuration"] = {"endian": "little"}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [max(1, side) for side in shape]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": False if dtype == np.bool_ else 0,
        "codecs": [layout, {"name": "zstd", "configuration": {"level": _ZSTD_LEVEL, "checksum": False}}],
        "attributes": {},
        "storage_transformers": [],
    }


def _chunk_name(name: str, shape: tuple[int, ...]) -> str:
    return "/".join([name, "c", *("0" for _ in shape)])


def _encoded(array: np.ndarray) -> bytes:
    from imagecodecs import zstd_encode  # here, for programs that neither write nor read

    little_endian = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return bytes(zstd_encode(little_endian.tobytes(), level=_ZSTD_LEVEL))


def _decoded(chunk: bytes, size: int) -> bytearray:
    """The bytes of an array, which it may change."""
    from imagecodecs import ZstdError, zstd_decode

    content = bytearray(size)
    try:
        decoded = zstd_decode(chunk, out=content)
    except ZstdError as error:
        raise ValueError(str(error)) from error
    if len(decoded) != size:
        raise ValueError(f"{len(decoded)} bytes in the place of {size}")
    return content


def _as_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True).encode()


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    # Chunks are compressed by Zarr already.
    with zipfile.ZipFile(content, "w", compression=zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, date_time=_NO_DATE), entries[name])
    return content.getvalue()
