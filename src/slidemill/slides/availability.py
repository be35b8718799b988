"""Whether it is the slide that cannot be used, or the machine that does not give it.

A slide whose content is damaged or unfit is set aside, for good. A slide that cannot be read for want of a right, a
disk or a share is no such slide: the job fails, and reads it when it is run again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from slidemill.contents import slide_files
from slidemill.machine import MachineTroubleError, check_readable, machine_trouble, tells_of_machine
from slidemill.slides.reader import UnreadableSlideError, UnsupportedSlideError

_GONE = "Bring the file or its disk back, or correct its path in the slide sheet, and run again."


@contextmanager
def blaming_the_right_one(path: Path) -> Iterator[None]:
    """Turn an error of this block that blames the slide into one of the machine's trouble, where it is that.

    Readers are built on libraries that tell little of what happened. So the file is read once more, all of it, before
    its content is blamed.

    Raises:
        MachineTroubleError: the machine does not give the slide's file.
    """
    try:
        yield
    except (UnreadableSlideError, UnsupportedSlideError) as error:
        refuse_machine_trouble(path, error)
        raise


def refuse_machine_trouble(path: Path, error: BaseException | None = None) -> None:
    """Check that a slide that could not be read can be read as a file.

    Args:
        path: the slide's file.
        error: why its reader failed.

    Raises:
        MachineTroubleError: the machine does not give it.
    """
    cause = error.__cause__ if error else None
    if isinstance(cause, IsADirectoryError):
        return
    if isinstance(cause, OSError) and cause.errno is not None:  # without a number it is the library's own
        raise _trouble(cause, path) from error
    try:
        for file in slide_files(path):
            check_readable(file)
    except OSError as trouble:
        raise _trouble(trouble, path) from error
    if cause and tells_of_machine(str(cause)):  # and it is over by now
        raise MachineTroubleError(path, str(cause)) from error


def _trouble(error: OSError, path: Path) -> MachineTroubleError:
    return machine_trouble(error, path) or MachineTroubleError(path, error.strerror or str(error), _GONE)
