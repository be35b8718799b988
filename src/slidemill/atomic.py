"""Files that appear whole or not at all."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

_OTHERS = 2  # writers of one file that may have been killed beside its first one
# Of a file system that has no locks: a file that nobody has written to for so long has lost its writer.
_ABANDONED_SECONDS = 2 * 24 * 3600


@contextmanager
def atomic_path(final: Path) -> Iterator[Path]:
    """Give a temporary sibling of `final` to write to, and rename it to `final` when the block ends well.

    The file is flushed to disk before the rename, so that `final` never holds a part of it, even after a power cut.
    When the block raises (Ctrl-C included) the temporary file is removed and an older `final` stays as it was.

    The temporary file is there already, empty; write to it and put no other file in its place. Its writer holds a lock
    on it. So two writers of the same `final` never share one, and what a killed writer has left behind is taken over
    by the next.

    Args:
        final: the path that the finished file gets; its folder is made when it is missing.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    number, temporary, descriptor = _own_sibling(final)
    try:
        try:
            yield temporary
            publish(temporary, final)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
        _clear_siblings(final, number)
    finally:
        os.close(descriptor)


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


def _sibling(final: Path, number: int) -> Path:
    return final.with_name(f".{number}-{final.name}")


def _own_sibling(final: Path) -> tuple[int, Path, int]:
    """The first sibling that no living process writes to, empty: its number, its path, and what holds its lock."""
    for number in count():
        path = _sibling(final, number)
        descriptor = _lock(path, create=True)
        if descriptor is not None:
            os.ftruncate(descriptor, 0)
            return number, path, descriptor
    raise AssertionError  # counting has no end


def _clear_siblings(final: Path, number: int) -> None:
    """Remove what others have left behind that were killed at the same time."""
    for other in range(number + 1, number + 1 + _OTHERS):
        path = _sibling(final, other)
        descriptor = _lock(path, create=False)
        if descriptor is not None:
            path.unlink(missing_ok=True)
            os.close(descriptor)


def _lock(path: Path, *, create: bool) -> int | None:
    """Open a file for as long as nobody else does; None where it is another's, or not there and not to be made."""
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | (os.O_CREAT | os.O_EXCL if create else 0), 0o666)
        is_new = create
    except FileExistsError:
        return _lock(path, create=False)
    except FileNotFoundError:
        return None
    if _is_ours(path, descriptor, is_new=is_new):
        return descriptor
    os.close(descriptor)
    return None


def _is_ours(path: Path, descriptor: int, *, is_new: bool) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return is_new or time.time() - os.fstat(descriptor).st_mtime > _ABANDONED_SECONDS
    try:  # its writer may have given it its final name meanwhile
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
