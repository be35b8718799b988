"""Copy selected tiles of many slides into one shard, in a given order, with bounded memory.

The order mixes slides, and reading in that order would open a file for every tile and jump about in it. So the shard is
written in windows: the records of a window are read slide by slide, each in the order in which its file holds them,
kept in memory, and written in the shard's order.
"""

import hashlib
import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from slidemill.atomic import atomic_path
from slidemill.errors import SlidemillError
from slidemill.records import DamagedRecordError, RecordWriter, encode_example, read_record
from slidemill.sharding.plan import SplitPlan
from slidemill.tiling.store import read_record_places, store_paths

_WRITE_BUFFER_BYTES = 1 << 20

# Disks start early then, and the flush at the end of a shard has little left to wait for.
_FLUSHED_BYTES = 32 << 20

# What Python adds to the bytes of a record in memory.
_OBJECT_BYTES = 64


class DamagedStoreError(SlidemillError):
    """A tile store with a record that cannot be read."""

    def __init__(self, slide_id: str, records: Path, offset: int) -> None:
        super().__init__(slide_id, records, offset)
        self.slide_id = slide_id
        self.records = records
        self.offset = offset

    def __str__(self) -> str:
        return (
            f"slide '{self.slide_id}': its tile store is damaged ({self.records}: the record at byte {self.offset}). "
            f"Delete {self.records} and run again to cut its tiles anew."
        )


@dataclass(frozen=True, slots=True)
class Selection:
    """The records of one shard, in its order.

    Attributes:
        slide: (tiles,) int32, index of the slide of each record.
        offset, length: (tiles,) int64 and int32, bytes, place of each framed record in its slide's file.
    """

    slide: np.ndarray
    offset: np.ndarray
    length: np.ndarray

    @classmethod
    def of(cls, plan: SplitPlan, shard: int, tiles: Path) -> "Selection":
        """Look up where the tiles of a shard are; the index of each slide is read once."""
        slide = plan.source.slide_of(plan.tiles[shard])
        number = plan.tiles[shard] - plan.source.starts[slide]
        offset, length = np.zeros(len(slide), np.int64), np.zeros(len(slide), np.int32)
        by_slide = np.argsort(slide, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(slide, minlength=len(plan.slides)))
        for index, own in enumerate(np.split(by_slide, ends[:-1])):
            if len(own):
                places = read_record_places(store_paths(tiles, plan.slides[index].slide_id)[1])
                offset[own], length[own] = places[number[own]].T
        return cls(slide, offset, length)

    def windows(self, buffer_bytes: int) -> Iterator[range]:
        """Cut the shard into parts whose records fit into a buffer; a record that is larger is a part of its own."""
        start = used = 0
        for position, length in enumerate(self.length):
            size = int(length) + _OBJECT_BYTES
            if used + size > buffer_bytes and position > start:
                yield range(start, position)
                start, used = position, 0
            used += size
        if start < len(self.length):
            yield range(start, len(self.length))


def write_shard(
    target: Path, plan: SplitPlan, shard: int, *, tiles: Path, classes: Sequence[str], buffer_bytes: int
) -> str:
    """Write one shard, atomically; each record is read once and written once.

    Args:
        target: the shard's file.
        plan, shard: which tiles it holds.
        tiles: folder of tile stores.
        classes: the config's classes.
        buffer_bytes: of records that are held in memory.

    Returns:
        The SHA-256 of the file.

    Raises:
        DamagedStoreError: a record's checksum or length is wrong.
    """
    selection = Selection.of(plan, shard, tiles)
    sources = [store_paths(tiles, slide.slide_id)[0] for slide in plan.slides]
    # Appended to a record these merge into it (slidemill.records.encode_example).
    labelled = {name: _class_features(name, number) for number, name in enumerate(classes)}
    features = [labelled[slide.label] for slide in plan.slides]
    with atomic_path(target) as temporary, temporary.open("wb", buffering=0) as file:
        hashing = _HashingFile(file)
        with io.BufferedWriter(hashing, _WRITE_BUFFER_BYTES) as buffered:
            writer = RecordWriter(buffered)
            for window in selection.windows(buffer_bytes):
                for position, payload in zip(window, _read_window(plan, sources, selection, window), strict=True):
                    writer.write(payload + features[selection.slide[position]])
    return hashing.hexdigest()


def _class_features(name: str, number: int) -> bytes:
    return encode_example({"image/class/label": number, "image/class/text": name})


def _read_window(plan: SplitPlan, sources: Sequence[Path], selection: Selection, window: range) -> list[bytes]:
    part = slice(window.start, window.stop)
    slide, offset, length = selection.slide[part], selection.offset[part], selection.length[part]
    payloads = [b""] * len(window)
    order = np.lexsort((offset, slide))
    for own in np.split(order, np.flatnonzero(np.diff(slide[order])) + 1):
        index = int(slide[own[0]])
        records = sources[index]
        try:
            with records.open("rb", buffering=0) as file:
                for place in own.tolist():
                    payloads[place] = read_record(records, file, offset=int(offset[place]), length=int(length[place]))
        except DamagedRecordError as error:
            raise DamagedStoreError(plan.slides[index].slide_id, records, error.offset) from error
    return payloads


class _HashingFile(io.RawIOBase):
    """An unbuffered file that hashes what is written to it, and flushes it to disk, on threads beside the writing."""

    def __init__(self, file: BinaryIO | io.FileIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._threads = ThreadPoolExecutor(2)
        self._hashed: Future[None] | None = None
        self._flushed: Future[None] | None = None
        self._unflushed_bytes = 0

    def writable(self) -> bool:
        return True

    def write(self, content: Any, /) -> int:
        chunk = bytes(content)  # the buffer behind `content` is used again
        self._wait()
        self._hashed = self._threads.submit(self._sha256.update, chunk)
        self._write_all(memoryview(chunk))
        self._flush_now_and_then(len(chunk))
        return len(chunk)

    def close(self) -> None:
        self._threads.shutdown()
        super().close()

    def hexdigest(self) -> str:
        """The SHA-256 of all that was written."""
        self._wait()
        return self._sha256.hexdigest()

    def _write_all(self, chunk: memoryview) -> None:
        while chunk:
            chunk = chunk[self._file.write(chunk) :]

    def _flush_now_and_then(self, written: int) -> None:
        self._unflushed_bytes += written
        if self._unflushed_bytes >= _FLUSHED_BYTES and (self._flushed is None or self._flushed.done()):
            self._flushed = self._threads.submit(os.fdatasync, self._file.fileno())
            self._unflushed_bytes = 0

    def _wait(self) -> None:
        if self._hashed is not None:
            self._hashed.result()
