"""Whether the bytes on disk are the right ones. Nothing else is believed: no exit code, no status, no header."""

import hashlib
import os
from pathlib import Path

from slidemill.cohort.gdc.errors import TransientError
from slidemill.cohort.gdc.files import GdcFile


def verify(path: Path, file: GdcFile) -> None:
    """Compare size and MD5 of a file with what they should be.

    Raises:
        TransientError: they differ, or there is no such file.
    """
    try:
        size = path.stat().st_size
    except FileNotFoundError:
        raise TransientError(f"{file.filename} did not arrive") from None
    if size != file.size:
        raise TransientError(f"{file.filename} has {size} bytes, expected {file.size}")
    with path.open("rb") as content:
        # Read once and in order: tell the system, which then reads ahead.
        os.posix_fadvise(content.fileno(), 0, 0, os.POSIX_FADV_SEQUENTIAL)
        md5 = hashlib.file_digest(content, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    if md5 != file.md5:
        raise TransientError(f"{file.filename} has MD5 {md5}, expected {file.md5}")
