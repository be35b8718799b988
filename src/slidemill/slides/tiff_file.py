"""The directories of a TIFF file, classic or BigTIFF, read without trust in any number that the file states.

tifffile would do for sound files. Here every count and offset is checked against the size of the file before memory is
set aside, so that a damaged file costs no more memory than it has bytes; only what a slide reader needs is read, and an
array of numbers only when it is asked for.

Source: TIFF revision 6.0 (Adobe, 1992); BigTIFF by its description in LibTIFF.
"""

import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

_TYPES = {1: "u1", 2: "S1", 3: "u2", 4: "u4", 5: "u4", 6: "i1", 7: "u1", 8: "i2", 9: "i4", 13: "u4", 16: "u8", 18: "u8"}
_RATIONAL = 5
_MAX_DIRECTORIES = 512
_MAX_ENTRIES = 1024
_MAX_TEXT_BYTES = 2**24


class DamagedTiffError(Exception):
    """A TIFF file that contradicts itself or ends too early; the message says where."""


@dataclass(frozen=True, slots=True)
class _Layout:
    """The widths of numbers, which differ between classic TIFF and BigTIFF, as struct formats with the byte order."""

    order: str
    first: int  # where the offset of the first directory stands
    offset: str
    entry_count: str
    entry: str  # tag, type, count; the value or its offset follows

    @property
    def value_bytes(self) -> int:
        return struct.calcsize(self.offset)


def _layout(head: bytes) -> _Layout | None:
    order = {b"II": "<", b"MM": ">"}.get(head[:2])
    if order is None or len(head) < 8:
        return None
    if head[2:4] == struct.pack(order + "H", 42):
        return _Layout(order, 4, order + "I", order + "H", order + "HHI")
    if head[2:8] == struct.pack(order + "HHH", 43, 8, 0):
        return _Layout(order, 8, order + "Q", order + "Q", order + "HHQ")
    return None


@dataclass(frozen=True, slots=True)
class _Entry:
    kind: int
    count: int
    place: int  # of its first byte in the file


class TiffFile:
    """An open TIFF file. Reading is by offset and takes no lock, so that threads may share it.

    Attributes:
        size: of the file in bytes.
        directories: the images of the main chain, in the order of the file.
    """

    def __init__(self, descriptor: int, layout: _Layout) -> None:
        self._descriptor = descriptor
        self._layout = layout
        self.size = os.fstat(descriptor).st_size
        (first,) = self._unpack(layout.offset, layout.first)
        self.directories = self._chain(first)

    def read(self, place: int, count: int) -> bytes:
        """Read `count` bytes at `place`.

        Raises:
            DamagedTiffError: the file does not hold them.
        """
        if place < 0 or count < 0 or place + count > self.size:
            raise DamagedTiffError(f"the file has {self.size} bytes and should have {place + count} or more")
        content = os.pread(self._descriptor, count, place)
        while len(content) < count:  # a signal, or a file system that gives less at a time
            more = os.pread(self._descriptor, count - len(content), place + len(content))
            if not more:
                raise DamagedTiffError("the file became shorter while it was read")
            content += more
        return content

    def sub_directories(self, directory: "Directory") -> list["Directory"]:
        """The reduced images that belong to a directory (tag SubIFDs)."""
        return [self._directory(int(place))[0] for place in directory.numbers(330)[:_MAX_DIRECTORIES]]

    def numbers(self, entry: _Entry) -> np.ndarray:
        """The values of a directory's entry."""
        per_value = 2 if entry.kind == _RATIONAL else 1
        dtype = np.dtype(self._layout.order + _TYPES[entry.kind])
        content = self.read(entry.place, entry.count * per_value * dtype.itemsize)
        return np.frombuffer(content, dtype)

    def _chain(self, place: int) -> list["Directory"]:
        directories: list[Directory] = []
        seen: set[int] = set()
        while place:
            if place in seen or len(seen) >= _MAX_DIRECTORIES:
                raise DamagedTiffError("its chain of directories does not end")
            seen.add(place)
            directory, place = self._directory(place)
            directories.append(directory)
        return directories

    def _directory(self, place: int) -> tuple["Directory", int]:
        """A directory, and the place of the next one, 0 after the last."""
        layout = self._layout
        (count,) = self._unpack(layout.entry_count, place)
        if count > _MAX_ENTRIES:
            raise DamagedTiffError(f"a directory with {count} entries")
        place += struct.calcsize(layout.entry_count)
        head, width = struct.calcsize(layout.entry), struct.calcsize(layout.entry) + layout.value_bytes
        content = self.read(place, count * width)
        entries = {}
        for number in range(count):
            tag, kind, values = struct.unpack_from(layout.entry, content, number * width)
            if kind not in _TYPES:
                continue  # of no use to a slide reader, such as floating point
            byte_count = values * np.dtype(_TYPES[kind]).itemsize * (2 if kind == _RATIONAL else 1)
            at = place + number * width + head
            if byte_count > layout.value_bytes:
                (at,) = struct.unpack_from(layout.offset, content, number * width + head)
            entries[tag] = _Entry(kind, values, at)
        (following,) = self._unpack(layout.offset, place + count * width)
        return Directory(self, entries), following

    def _unpack(self, form: str, place: int) -> tuple[int, ...]:
        return struct.unpack(form, self.read(place, struct.calcsize(form)))


class Directory:
    """One image of a TIFF file: its tags."""

    def __init__(self, file: TiffFile, entries: dict[int, _Entry]) -> None:
        self._file = file
        self._entries = entries

    def __contains__(self, tag: int) -> bool:
        return tag in self._entries

    def numbers(self, tag: int) -> np.ndarray:
        """The whole numbers of a tag, none where it is missing."""
        entry = self._entries.get(tag)
        return np.zeros(0, np.int64) if entry is None else self._file.numbers(entry)

    def number(self, tag: int, default: int) -> int:
        """The one number of a tag.

        Raises:
            DamagedTiffError: it holds none.
        """
        entry = self._entries.get(tag)
        if entry is None:
            return default
        if entry.count < 1 or entry.kind == 2:
            raise DamagedTiffError(f"tag {tag} holds no number")
        return int(self._file.numbers(_Entry(entry.kind, 1, entry.place))[0])

    def ratio(self, tag: int) -> float | None:
        """The rational number of a tag, None where it is missing or divides by 0."""
        entry = self._entries.get(tag)
        if entry is None or entry.kind != _RATIONAL or entry.count < 1:
            return None
        above, below = self._file.numbers(_Entry(entry.kind, 1, entry.place)).tolist()
        return above / below if below else None

    def content(self, tag: int) -> bytes:
        """The bytes of a tag, none where it is missing; a text without the zero at its end."""
        entry = self._entries.get(tag)
        if entry is None:
            return b""
        if entry.count > _MAX_TEXT_BYTES:
            raise DamagedTiffError(f"tag {tag} holds {entry.count} values")
        content = self._file.numbers(entry).tobytes()
        return content.rstrip(b"\0") if entry.kind == 2 else content

    def text(self, tag: int) -> str:
        """The text of a tag, empty where it is missing."""
        return self.content(tag).decode("utf-8", "replace")


@contextmanager
def open_tiff(path: Path) -> Iterator[TiffFile | None]:
    """Open a TIFF file; None for a file of another kind.

    Raises:
        DamagedTiffError: it begins like a TIFF file and cannot be one.
        OSError: the file cannot be read.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        layout = _layout(os.pread(descriptor, 16, 0))
        yield TiffFile(descriptor, layout) if layout else None
    finally:
        os.close(descriptor)
