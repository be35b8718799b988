"""Whether the bytes on disk are the right ones. Nothing else is believed: no exit code, no status, no header."""

import hashlib
import os
from pathlib import Path

from slidemill.cohort.gdc.errors import TransientError
from slidemill.cohort.gdc.files import GdcFile


class RunningMd5:
    """MD5 of the first bytes of a file, taken while they are written and still in the processor's cache.

    Attributes:
        position: how many bytes it covers.
    """

    def __init__(self) -> None:
        self.position = 0
        self.md5 = hashlib.md5(usedforsecurity=False)

    def written(self, position: int, content: memoryview) -> None:
        """Take note of bytes that were written; only those that follow the ones before count.

        Bytes that are written again are not known any more. Threads may call at the same time, of which each writes to
        a part of its own: one at most is at `position`.
        """
        if position < self.position:
            self.position, self.md5 = 0, hashlib.md5(usedforsecurity=False)
        if position == self.position:
            self.md5.update(content)
            self.position += len(content)


def verify(path: Path, file: GdcFile, running: RunningMd5 | None = None) -> None:
    """Compare size and MD5 of a file with what they should be.

    Args:
        path: the file.
        file: what it should be.
        running: of the bytes that this process has written; what it does not cover is read.
    Raises:
        TransientError: they differ, or there is no such file.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise TransientError(f"{file.filename} did not arrive") from None
    if size != file.size:
        raise TransientError(f"{file.filename} has {size} bytes, expected {file.size}")
    running = running or RunningMd5()
    with path.open("rb") as content:
        content.seek(running.position)
        # Read once and in order: tell the system, which then reads ahead.
        os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        md5 = hashlib.file_digest(content, lambda: running.md5).hexdigest()
    if md5 != file.md5:
        raise TransientError(f"{file.filename} has MD5 {md5}, expected {file.md5}")
