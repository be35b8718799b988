"""Folders that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def atomic_folder(final: Path) -> Iterator[Path]:
    """Give a temporary folder beside `final` to write to, which gets its name when the block ends well.

    When the block raises (Ctrl-C included) the temporary folder is removed and an older `final` stays as it was. What a
    killed writer has left behind begins with a dot and is nobody's.

    Args:
        final: the path that the finished folder gets; the folder above it is made when it is missing.
    """
    final.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{final.name}-", dir=final.parent) as own:
        new, old = Path(own) / "new", Path(own) / "old"
        new.mkdir()
        yield new
        for file in sorted(new.rglob("*")):
            _flush_to_disk(file)
        if final.exists():
            final.rename(old)
        new.rename(final)
        _flush_to_disk(final.parent)
        if old.exists():
            shutil.rmtree(old)


def _flush_to_disk(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
