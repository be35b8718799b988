"""Arrays and attributes in one Zarr v3 group inside one zip file, the same bytes for the same content.

One file, because object storage knows no folders and parallel file systems dislike many small files.
"""

import io
import zipfile
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import zarr
from zarr.storage import MemoryStore, ZipStore

from slidemill.atomic import write_bytes
from slidemill.errors import SlidemillError

# Zip entries need a date; a fixed one (the earliest that the format knows) keeps equal content equal in bytes.
_NO_DATE = (1980, 1, 1, 0, 0, 0)


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
    entries: dict[str, Any] = {}
    group = zarr.create_group(MemoryStore(entries), zarr_format=3, attributes=dict(attributes))
    for name, array in arrays.items():
        group.create_array(name, data=array, chunks=tuple(max(1, side) for side in array.shape))
    write_bytes(path, _zipped({name: entry.to_bytes() for name, entry in entries.items()}))


def read_zarr_zip(path: Path, names: Collection[str] | None = None) -> ZarrContent:
    """Read the attributes and the named arrays (None: all) of a file that `write_zarr_zip` wrote.

    Raises:
        ZarrZipError: the file is missing, cut short or something else.
    """
    with _opened(path) as group:
        arrays = {
            name: np.asarray(array[...]) for name, array in sorted(group.arrays()) if names is None or name in names
        }
        return ZarrContent(arrays=arrays, attributes=dict(group.attrs))


@contextmanager
def _opened(path: Path) -> Iterator[zarr.Group]:
    try:
        store = ZipStore(path, mode="r")
        group = zarr.open_group(store, mode="r", zarr_format=3)
        try:
            yield group
        finally:
            store.close()
    except (OSError, zipfile.BadZipFile, KeyError, ValueError) as error:
        raise ZarrZipError(path, str(error)) from error


def _zipped(entries: Mapping[str, bytes]) -> bytes:
    content = io.BytesIO()
    # Chunks are compressed by Zarr already.
    with zipfile.ZipFile(content, "w", compression=zipfile.ZIP_STORED) as archive:
        for name in sorted(entries):
            archive.writestr(zipfile.ZipInfo(name, date_time=_NO_DATE), entries[name])
    return content.getvalue()
