"""The parts of a file that is fetched over several connections, and how far each of them is.

The bytes lie in PARTIAL, each at its final place. The positions lie in PARTIAL.progress, a line of fixed length for
each part, written after the bytes that it vouches for: a process that is killed at any moment loses what it had not
written yet, and nothing else.
"""

import os
from pathlib import Path

from slidemill.cohort.gdc.verify import RunningMd5

_LINE = "{:020d}\n"
_LINE_LENGTH = 21


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
        self._positions = self._read_positions()
        if not self._positions:
            self.start_over(parts)

    def close(self) -> None:
        """Close the files; they stay where they are."""
        os.close(self._bytes_fd)
        os.close(self._progress_fd)

    @property
    def parts(self) -> int:
        """Number of parts."""
        return len(self._positions)

    def bounds(self, part: int) -> tuple[int, int]:
        """First byte of a part, and the first one after it."""
        return _bounds(self.size, self.parts, part)

    def position(self, part: int) -> int:
        """The next byte that a part needs."""
        return self._positions[part]

    def missing(self, part: int) -> int:
        """How many bytes a part still needs."""
        return self.bounds(part)[1] - self._positions[part]

    def fetched(self) -> int:
        """How many bytes are there."""
        return sum(self._positions[part] - self.bounds(part)[0] for part in range(self.parts))

    def write(self, part: int, content: bytes) -> None:
        """Add bytes to a part."""
        position = self._positions[part]
        view = memoryview(content)
        written = 0
        while written < len(content):
            written += os.pwrite(self._bytes_fd, view[written:], position + written)
        self.md5.written(position, view)
        self._set_position(part, position + written)

    def rewind(self, part: int) -> None:
        """Forget what a part has."""
        self._set_position(part, self.bounds(part)[0])

    def start_over(self, parts: int) -> None:
        """Forget everything, and fetch in this many parts."""
        os.ftruncate(self._progress_fd, 0)
        os.ftruncate(self._bytes_fd, 0)
        self._positions = [_bounds(self.size, parts, part)[0] for part in range(parts)]
        os.pwrite(self._progress_fd, "".join(map(_LINE.format, self._positions)).encode(), 0)

    def _set_position(self, part: int, position: int) -> None:
        os.pwrite(self._progress_fd, _LINE.format(position).encode(), part * _LINE_LENGTH)
        self._positions[part] = position

    def _read_positions(self) -> list[int]:
        """What an earlier process reached; empty when there was none, or when its traces make no sense."""
        lines = self._progress.read_bytes().split(b"\n")[:-1]
        if not all(len(line) == _LINE_LENGTH - 1 and line.isdigit() for line in lines):
            return []
        positions = [int(line) for line in lines]
        for part, position in enumerate(positions):
            first, end = _bounds(self.size, len(positions), part)
            if not first <= position <= end:
                return []
        there = os.fstat(self._bytes_fd).st_size
        reached = (p for part, p in enumerate(positions) if p > _bounds(self.size, len(positions), part)[0])
        return positions if all(position <= there for position in reached) else []


def progress_path(partial: Path) -> Path:
    """Where the positions of a file lie."""
    return partial.with_name(f"{partial.name}.progress")


def _bounds(size: int, parts: int, part: int) -> tuple[int, int]:
    return size * part // parts, size * (part + 1) // parts
