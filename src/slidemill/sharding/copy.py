"""Copy selected tiles of many slides into one shard, in a given order, with bounded memory.

The order mixes slides, and reading in that order would open a file for every tile and jump about in it. So the shard is
written in windows: the records of a window are read slide by slide, each in the order in which its file holds them, to
the very place in memory that they have in the shard; then the window is hashed and written as one piece, while the next
one is read.
"""

import hashlib
import io
import os
from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np

from slidemill.atomic import atomic_path
from slidemill.errors import SlidemillError
from slidemill.records import DamagedRecordError, encode_example, extend_record
from slidemill.sharding.plan import ShardingError, SplitPlan
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_record_places, store_paths

# The disk starts early then, and the flush at the end of a shard has little left to wait for.
_FLUSHED_BYTES = 32 << 20


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
        label: (tiles,) int16, the place of each tile's class in the config's list.
    """

    slide: np.ndarray
    offset: np.ndarray
    length: np.ndarray
    label: np.ndarray

    @classmethod
    def of(cls, plan: SplitPlan, shards: Sequence[int], tiles: Path, exclude: Collection[QualityFlag]) -> list[Self]:
        """Look up where the tiles of shards are, 18 bytes a tile; the index of each slide is read once for all.

        Args:
            plan, shards: which tiles.
            tiles: folder of tile stores.
            exclude: tiles with one of these flags are not part of the plan.

        Raises:
            ShardingError: a tile store is not the one that splits.tsv counted.
        """
        if not shards:
            return []
        numbers = plan.tiles[list(shards)].ravel()
        slide = plan.source.slide_of(numbers)
        offset, length = np.zeros(len(slide), np.int64), np.zeros(len(slide), np.int32)
        by_slide = np.argsort(slide, kind="stable").astype(np.uint32)
        ends = np.cumsum(np.bincount(slide, minlength=len(plan.slides)))
        for index, own in enumerate(np.split(by_slide, ends[:-1])):
            if len(own):
                places = read_record_places(store_paths(tiles, plan.slides[index].slide_id)[1], exclude)
                if len(places) != plan.slides[index].tile_count:
                    raise ShardingError(
                        f"slide '{plan.slides[index].slide_id}' has {len(places)} tiles to use, splits.tsv counts "
                        f"{plan.slides[index].tile_count}. Run assign_splits again."
                    )
                offset[own], length[own] = places[numbers[own] - plan.source.starts[index]].T
        label = plan.source.label[numbers]
        parts = (np.split(array, len(shards)) for array in (slide, offset, length, label))
        return [cls(*own) for own in zip(*parts, strict=True)]

    def bytes_in(self, window: range) -> int:
        """Bytes of the framed records of a part."""
        return int(self.length[window.start : window.stop].sum(dtype=np.int64))

    def windows(self, buffer_bytes: int, *, added_bytes: int = 0) -> Iterator[range]:
        """Cut the shard into parts whose records fit into a buffer; a record that is larger is a part of its own.

        Args:
            buffer_bytes: of the buffer.
            added_bytes: by which records grow at most.
        """
        start = used = 0
        for position, length in enumerate(self.length):
            size = int(length) + added_bytes
            if used + size > buffer_bytes and position > start:
                yield range(start, position)
                start, used = position, 0
            used += size
        if start < len(self.length):
            yield range(start, len(self.length))


def write_shard(
    target: Path, plan: SplitPlan, selection: Selection, *, tiles: Path, classes: Sequence[str], buffer_bytes: int
) -> str:
    """Write one shard, atomically; each record is read once and written once.

    Args:
        target: the shard's file.
        plan, selection: which tiles it holds.
        tiles: folder of tile stores.
        classes: the config's classes.
        buffer_bytes: of records that are held in memory.

    Returns:
        The SHA-256 of the file.

    Raises:
        DamagedStoreError: a record's checksum or length is wrong.
    """
    # Appended to a record these merge into it (slidemill.records.encode_example).
    labelled = [_class_features(name, number) for number, name in enumerate(classes)]
    copying = _Copying(plan, [store_paths(tiles, slide.slide_id)[0] for slide in plan.slides], selection, labelled)
    added_bytes = max(map(len, labelled), default=0)
    windows = list(selection.windows(buffer_bytes // 2, added_bytes=added_bytes))
    room = max((selection.bytes_in(window) + added_bytes * len(window) for window in windows), default=0)
    buffers = [np.empty(room, np.uint8).data for _ in range(2)]  # one is read to while the other is written
    with atomic_path(target) as temporary, temporary.open("wb", buffering=0) as file, _HashedFile(file) as hashed:
        for window in windows:
            hashed.write(copying.read(window, buffers[0]))
            buffers.reverse()
    return hashed.hexdigest()


def _class_features(name: str, number: int) -> bytes:
    return encode_example({"image/class/label": number, "image/class/text": name})


@dataclass(frozen=True, slots=True)
class _Copying:
    plan: SplitPlan
    sources: Sequence[Path]
    selection: Selection
    labelled: Sequence[bytes]

    def read(self, window: range, buffer: memoryview) -> memoryview:
        """Read a part of the shard into a buffer; returns what is filled of it."""
        part = slice(window.start, window.stop)
        slide, offset, length = self.selection.slide[part], self.selection.offset[part], self.selection.length[part]
        label = self.selection.label[part]
        ends = np.cumsum(length + np.array([len(more) for more in self.labelled])[label])
        filled = buffer[: int(ends[-1])]
        places = np.column_stack([np.append(0, ends[:-1]), ends, offset, length, label])
        order = np.lexsort((offset, slide))
        for own in np.split(order, np.flatnonzero(np.diff(slide[order])) + 1):
            index = int(slide[own[0]])
            try:
                self._read_slide(self.sources[index], filled, places[own].tolist())
            except DamagedRecordError as error:
                raise DamagedStoreError(self.plan.slides[index].slide_id, error.path, error.offset) from error
        return filled

    def _read_slide(self, records: Path, filled: memoryview, places: list[list[int]]) -> None:
        with records.open("rb", buffering=0) as file:
            for start, end, offset, length, label in places:
                record = filled[start:end]
                if os.preadv(file.fileno(), [record[:length]], offset) != length:
                    raise DamagedRecordError(records, offset)
                extend_record(records, record, offset=offset, length=length, more=self.labelled[label])


class _HashedFile:
    """A file that is hashed, written and now and then flushed to disk on threads."""

    def __init__(self, file: io.FileIO) -> None:
        self._file = file
        self._sha256 = hashlib.sha256()
        self._threads = ThreadPoolExecutor(3)
        self._working: list[Future[None]] = []
        self._flushing: Future[None] = self._threads.submit(lambda: None)
        self._unflushed_bytes = 0

    def __enter__(self) -> Self:
        """Write; all is written when the block ends."""
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Wait for the threads."""
        try:
            if kind is None:
                self._wait()
                self._flushing.result()
        finally:
            self._threads.shutdown()

    def write(self, content: memoryview) -> None:
        """Begin to write, once what came before is written; `content` must not change before the next call."""
        self._wait()
        work = (self._sha256.update, self._write_all)
        self._working = [self._threads.submit(one, content) for one in work]

    def hexdigest(self) -> str:
        """The SHA-256 of all that was written."""
        return self._sha256.hexdigest()

    def _write_all(self, content: memoryview) -> None:
        while content:
            written = self._file.write(content[:_FLUSHED_BYTES])
            content = content[written:]
            self._unflushed_bytes += written
            if self._unflushed_bytes >= _FLUSHED_BYTES and self._flushing.done():
                self._flushing.result()  # the system tells once that a disk has failed
                self._flushing = self._threads.submit(os.fdatasync, self._file.fileno())
                self._unflushed_bytes = 0

    def _wait(self) -> None:
        for one in self._working:
            one.result()
