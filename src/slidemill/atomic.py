"""Files that appear whole or not at all."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Give a temporary sibling of `final` to write to, and rename it to `final` when the block ends well.

    The file is flushed to disk before the rename, so that `final` never holds a part of it, even after a power cut.
    When the block raises (Ctrl-C included) the temporary file is removed and an older `final` stays as it was.

    Args:
        final: the path that the finished file gets; its folder is made when it is missing.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    temporary = final.with_name(f".{uuid4().hex}-{final.name}")
    try:
        yield temporary
        publish(temporary, final)
    finally:
        temporary.unlink(missing_ok=True)


def publish(temporary: Path, final: Path) -> None:
    """Give a finished file its final name, once its bytes are on the disk.

    Args:
        temporary: the file, on the same file system.
        final: its name from now on.
    """
    _flush_to_disk(temporary)
    temporary.replace(final)


def write_bytes(final: Path, content: bytes) -> None:
    """Write a whole file at once, atomically."""
    with atomic_path(final) as temporary:
        temporary.write_bytes(content)


def write_text(final: Path, content: str) -> None:
    """Write a whole text file at once in UTF-8, atomically."""
    write_bytes(final, content.encode())


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
