"""Copies of large files on a disk of the machine itself, for as long as they are worked on."""

import fcntl
import os
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

from slidemill.errors import SlidemillError
from slidemill.machine import check_readable

# Other formats keep parts of a slide in files of other names, which a copy would leave behind.
_ONE_FILE = frozenset({".svs", ".tif", ".tiff", ".ndpi", ".scn", ".bif"})
_PREFIX = "slidemill-"
_NEW_SECONDS = 60


class ScratchError(SlidemillError):
    """A folder for copies that cannot take them."""

    def __init__(self, folder: str, reason: object) -> None:
        super().__init__(folder, reason)
        self.folder = folder
        self.reason = reason

    def __str__(self) -> str:
        return f"scratch {self.folder}: {self.reason}. Correct 'scratch' in the config, or set it to null."


@contextmanager
def slide_on_scratch(slide: Path, folder: str | None) -> Iterator[Path]:
    """Give a copy of a slide on a local disk, which is read in one piece and removed when the block ends.

    A slide that has more than one file, or is not there, is given where it lies.

    Args:
        slide: the slide's file.
        folder: where copies go, with ~ and variables of the machine's environment such as $TMPDIR; None for no copy.

    Raises:
        ScratchError: the folder is missing, a variable in it is not set, or the disk is full.
        MachineTroubleError: the machine does not give the slide.
    """
    if folder is None or slide.suffix.lower() not in _ONE_FILE or not slide.is_file():
        yield slide
        return
    with _own_folder(folder) as own:
        copy = own / slide.name
        try:
            shutil.copyfile(slide, copy)
        except OSError as error:
            check_readable(slide)
            raise ScratchError(folder, f"{slide} could not be copied there ({error})") from None
        yield copy


@contextmanager
def _own_folder(folder: str) -> Iterator[Path]:
    place = os.path.expanduser(os.path.expandvars(folder))  # noqa: PTH111 - both are of the machine that runs the job
    if "$" in place:
        raise ScratchError(folder, "this variable is not set on the machine that runs the job")
    try:
        _clear_abandoned(Path(place))
        own = TemporaryDirectory(prefix=_PREFIX, dir=place)
        descriptor = os.open(own.name, os.O_RDONLY | os.O_CLOEXEC)
    except OSError as error:
        raise ScratchError(folder, error.strerror) from None
    with own:
        try:
            with suppress(OSError):  # a file system without locks: nothing is ever cleared there
                fcntl.flock(descriptor, fcntl.LOCK_SH)
            yield Path(own.name)
        finally:
            os.close(descriptor)


def _clear_abandoned(place: Path) -> None:
    """Remove the copies of jobs that were killed: those that no living process has locked."""
    for copy in place.glob(f"{_PREFIX}*"):
        with suppress(OSError):  # another user's, or removed by another job meanwhile
            descriptor = os.open(copy, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            try:
                # One that was made just now may not be locked yet.
                if time.time() - os.fstat(descriptor).st_ctime > _NEW_SECONDS:
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(copy)
            finally:
                os.close(descriptor)
