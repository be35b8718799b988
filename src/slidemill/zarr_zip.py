"""Arrays and attributes in one Zarr v3 group inside one zip file, the same bytes for the same content.

One file, because object storage knows no folders and parallel file systems dislike many small files.

Files are read by the zarr library. They are written here, one chunk an array, in the few forms that the library's own
defaults give: importing it takes as long as cutting two hundred tiles, and a job for each slide pays it.
Source: the Zarr core specification, version 3, and its codecs `bytes` and `zstd`.
"""

import io
import json
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from slidemill.atomic import write_bytes
from slidemill.errors import SlidemillError
from slidemill.machine import machine_trouble

if TYPE_CHECKING:
    import zarr

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
        entries[f"{name}/zarr.json"] = _as_json(_array_metadata(array))
        if array.size:
            entries["/".join([name, "c", *("0" for _ in array.shape)])] = _chunk(array)
    write_bytes(path, _zipped(entries))


def read_zarr_zip(path: Path, names: Collection[str] | None = None) -> ZarrContent:
    """Read the attributes and the named arrays (None: all) of a file that `write_zarr_zip` wrote.

    Raises:
        ZarrZipError: the file is missing, cut short or something else, or has no such array.
    """
    with _opened(path) as group:
        wanted = sorted(group.array_keys() if names is None else names)
        arrays = {name: _read_array(group, name) for name in wanted}
        return ZarrContent(arrays=arrays, attributes=dict(group.attrs))


def read_zarr_attributes(path: Path) -> dict[str, Any]:
    """Read the attributes alone, without the zarr library: a tenth of a millisecond, for who looks at many files.

    Raises:
        ZarrZipError: the file is missing, cut short or something else.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            attributes = json.loads(archive.read("zarr.json"))["attributes"]
    except (OSError, zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ZarrZipError(path, str(error)) from error
    if not isinstance(attributes, dict):
        raise ZarrZipError(path, "no attributes")
    return attributes


@contextmanager
def _opened(path: Path) -> Iterator["zarr.Group"]:
    import zarr
    from zarr.storage import ZipStore

    try:
        store = ZipStore(path, mode="r")
        group = zarr.open_group(store, mode="r", zarr_format=3)
        try:
            yield group
        finally:
            store.close()
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise ZarrZipError(path, str(error)) from error


def _read_array(group: "zarr.Group", name: str) -> np.ndarray:
    import zarr

    array = group[name]
    if not isinstance(array, zarr.Array):
        raise KeyError(name)
    return np.asarray(array[...])


def _array_metadata(array: np.ndarray) -> dict[str, Any]:
    layout: dict[str, Any] = {"name": "bytes"}
    if array.dtype.itemsize > 1:
        layout["configuration"] = {"endian": "little"}
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(array.shape),
        "data_type": array.dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [max(1, side) for side in array.shape]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": False if array.dtype == np.bool_ else 0,
        "codecs": [layout, {"name": "zstd", "configuration": {"level": _ZSTD_LEVEL, "checksum": False}}],
        "attributes": {},
        "storage_transformers": [],
    }


def _chunk(array: np.ndarray) -> bytes:
    from imagecodecs import zstd_encode  # by itself, where zarr's own codec brings all others along

    little_endian = array.astype(array.dtype.newbyteorder("<"), order="C", copy=False)
    return bytes(zstd_encode(little_endian.tobytes(), level=_ZSTD_LEVEL))


def _as_json(content: dict[str, Any]) -> bytes:
    return json.dumps(content, indent=2, sort_keys=True).encode()


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    # Chunks are compressed by Zarr already.
    with zipfile.ZipFile(content, "w", compression=zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, date_time=_NO_DATE), entries[name])
    return content.getvalue()
