"""Copies of large files on a disk of the machine itself, for as long as they are worked on."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from slidemill.errors import SlidemillError

# Other formats keep parts of a slide in files of other names, which a copy would leave behind.
_ONE_FILE = frozenset({".svs", ".tif", ".tiff", ".ndpi", ".scn", ".bif"})


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
    """
    if folder is None or slide.suffix.lower() not in _ONE_FILE or not slide.is_file():
        yield slide
        return
    with _own_folder(folder) as own:
        copy = own / slide.name
        try:
            shutil.copyfile(slide, copy)
        except OSError as error:
            raise ScratchError(folder, f"{slide} could not be copied there ({error})") from None
        yield copy


@contextmanager
def _own_folder(folder: str) -> Iterator[Path]:
    place = os.path.expanduser(os.path.expandvars(folder))  # noqa: PTH111 - both are of the machine that runs the job
    if "$" in place:
        raise ScratchError(folder, "this variable is not set on the machine that runs the job")
    try:
        own = TemporaryDirectory(prefix="slidemill-", dir=place)
    except OSError as error:
        raise ScratchError(folder, error.strerror) from None
    with own:
        yield Path(own.name)
