"""The parts of a file that is fetched over several connections, and how far each of them is.

The bytes lie in PARTIAL, each at its final place. The parts lie in PARTIAL.progress, a line of fixed length for each
(first byte, next byte that it needs, first byte after it), written after the bytes that it vouches for: a process that
is killed at any moment loses what it had not written yet, and nothing else.
"""

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from slidemill.atomic import write_text
from slidemill.cohort.gdc.verify import RunningMd5

_NUMBER = "{:020d}"
_POSITION_AT = len("00000000000000000000 ")
_LINE = re.compile(r"(\d{20}) (\d{20}) (\d{20})\n")
_LINE_LENGTH = 3 * _POSITION_AT


@dataclass(slots=True)
class Part:
    """A part of a file: `first` to `end` (excluded), of which all bytes before `position` are there."""

    first: int
    position: int
    end: int


class RangedFile:
    """A file that is being fetched. Threads may write to different parts at the same time.

    Args:
        partial: where the bytes lie. What an earlier process left there is gone on with.
        size: bytes of the whole file.
        parts: in how many parts a new file is fetched.

    Attributes:
        md5: of what was written here, from the start of the file on.
    """

    def __init__(self, partial: Path, size: int, parts: int) -> None:
        self.size = size
        self.md5 = RunningMd5()
        self._progress = progress_path(partial)
        self._bytes_fd = os.open(partial, os.O_RDWR | os.O_CREAT, 0o644)
        self._progress_fd = os.open(self._progress, os.O_RDWR | os.O_CREAT, 0o644)
        self._parts = self._read_parts()
        if not self._parts:
            self.start_over(parts)

    def close(self) -> None:
        """Close the files; they stay where they are."""
        os.close(self._bytes_fd)
        os.close(self._progress_fd)

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self._parts)

    def bounds(self, part: int) -> tuple[int, int]:
        """First byte of a part, and the first one after it."""
        return self._parts[part].first, self._parts[part].end

    def position(self, part: int) -> int:
        """The next byte that a part needs."""
        return self._parts[part].position

    def missing(self, part: int) -> int:
        """How many bytes a part still needs."""
        return self._parts[part].end - self._parts[part].position

    def fetched(self) -> int:
        """How many bytes are there."""
        return sum(part.position - part.first for part in self._parts)

    def write(self, part: int, content: bytes) -> None:
        """Add bytes to a part."""
        position = self._parts[part].position
        view = memoryview(content)
        written = 0
        while written < len(content):
            written += os.pwrite(self._bytes_fd, view[written:], position + written)
        self.md5.written(position, view)
        self._set_position(part, position + written)

    def rewind(self, part: int) -> None:
        """Forget what a part has."""
        self._set_position(part, self._parts[part].first)

    def start_over(self, parts: int) -> None:
        """Forget everything, and fetch in this many parts."""
        os.ftruncate(self._progress_fd, 0)
        os.ftruncate(self._bytes_fd, 0)
        bounds = pairwise(self.size * part // parts for part in range(parts + 1))
        self._parts = [Part(first, first, end) for first, end in bounds]
        os.pwrite(self._progress_fd, _as_text(self._parts).encode(), 0)

    def _set_position(self, part: int, position: int) -> None:
        os.pwrite(self._progress_fd, _NUMBER.format(position).encode(), part * _LINE_LENGTH + _POSITION_AT)
        self._parts[part].position = position

    def _read_parts(self) -> list[Part]:
        """What an earlier process reached; empty when there was none, or when its traces make no sense."""
        text = self._progress.read_text("ascii", errors="replace")
        parts = [Part(*map(int, line.groups())) for line in _LINE.finditer(text)]
        there = os.fstat(self._bytes_fd).st_size
        makes_sense = (
            len(text) == _LINE_LENGTH * len(parts)
            and [0, *(part.end for part in parts)] == [*(part.first for part in parts), self.size]
            and all(part.first <= part.position <= part.end for part in parts)
            and all(part.position <= there for part in parts if part.position > part.first)
        )
        return parts if makes_sense else []


def progress_path(partial: Path) -> Path:
    """Where the parts of a file are noted down."""
    return partial.with_name(f"{partial.name}.progress")


def write_progress(partial: Path, size: int, missing: Sequence[tuple[int, int]]) -> None:
    """Note down for `RangedFile` what another program has fetched.

    Args:
        partial: where the bytes lie, or will.
        size: bytes of the whole file.
        missing: the ranges that are not there (first byte, first byte after it), in order.
    """
    starts = [0, *(end for _, end in missing)]
    parts = [Part(first, position, end) for first, (position, end) in zip(starts, missing, strict=False)]
    if starts[-1] < size:
        parts.append(Part(starts[-1], size, size))
    write_text(progress_path(partial), _as_text(parts))


def _as_text(parts: Sequence[Part]) -> str:
    line = f"{_NUMBER} {_NUMBER} {_NUMBER}\n"
    return "".join(line.format(part.first, part.position, part.end) for part in parts)
