"""Room on the disk."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slidemill.cohort.gdc.errors import NoSpaceError

_FULL = (errno.ENOSPC, errno.EDQUOT)


def check_space(folder: Path, needed: int) -> None:
    """Check that a folder has room for so many bytes.

    Raises:
        NoSpaceError: it has not; says how much is missing.
    """
    free = shutil.disk_usage(folder).free
    if free < needed:
        raise NoSpaceError(
            f"{folder}: {_in_units(needed)} are needed and {_in_units(free)} are free, {_in_units(needed - free)} too "
            "little. Make room, or set acquire.keep_slides to false, so that each slide is removed after its use."
        )


@contextmanager
def disk_errors(folder: Path) -> Iterator[None]:
    """Tell of a disk that became full meanwhile.

    Raises:
        NoSpaceError: in the place of the system's error.
    """
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise NoSpaceError(f"{folder}: the disk or your quota is full. Make room and run again.") from error
        raise


def _in_units(number: int) -> str:
    return f"{number / 1e9:.2f} GB" if number >= 10_000_000 else f"{number} bytes"
