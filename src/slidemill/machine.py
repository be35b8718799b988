"""Trouble of the machine: a disk that is full, a share that is away, a right that is missing.

None of it says anything of what is in a file. It ends a job with one line, and the job is run again when it is mended.
"""

import errno
import os
from pathlib import Path

from slidemill.errors import SlidemillError

_READ_BYTES = 2**22  # at once

_AWAY = "The disk or the share fails or is away: mend it and run again."
_NOT_ALLOWED = (
    "Give the user that runs the job the right to it, on the file and on all folders above it, and run again."
)
_ADVICE = {
    errno.ENOSPC: "Make room on the disk and run again; nothing that was finished is lost.",
    errno.EDQUOT: "Make room within your quota and run again; nothing that was finished is lost.",
    errno.EFBIG: "Files of this size are not allowed here: raise the limit (ulimit -f) or use another disk.",
    errno.EROFS: "The disk can be read only: make it writable, or run in another folder.",
    errno.EMFILE: "Raise the number of open files (ulimit -n) and run again.",
    errno.ENFILE: "The machine has too many files open: end other programs and run again.",
    errno.ENOMEM: "The machine has too little memory: free some, or use fewer --cores, and run again.",
    errno.EACCES: _NOT_ALLOWED,
    errno.EPERM: _NOT_ALLOWED,
    **dict.fromkeys(
        (
            errno.EIO,
            errno.ESTALE,
            errno.ENODEV,
            errno.ENXIO,
            errno.ETIMEDOUT,
            errno.ENOTCONN,
            errno.ECONNRESET,
            errno.ECONNABORTED,
            errno.ECONNREFUSED,
            errno.EHOSTDOWN,
            errno.EHOSTUNREACH,
            errno.ENETDOWN,
            errno.ENETUNREACH,
            errno.EREMOTEIO,
            errno.ENOLCK,
        ),
        _AWAY,
    ),
}


class MachineTroubleError(SlidemillError):
    """A file that the machine does not give or take, whatever is in it."""

    def __init__(self, path: Path | str | None, reason: str, advice: str = _AWAY) -> None:
        super().__init__(path, reason, advice)
        self.path = path
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        return f"{place}{self.reason}. {self.advice}"


def machine_trouble(error: BaseException, path: Path | str | None = None) -> MachineTroubleError | None:
    """What an error tells of the machine's trouble; None where it may be a bug, or tells of a file's content.

    Args:
        error: as it was raised.
        path: which file it is about, where the error itself does not say.
    """
    if isinstance(error, MemoryError):
        return MachineTroubleError(path, os.strerror(errno.ENOMEM), _ADVICE[errno.ENOMEM])
    if not isinstance(error, OSError):
        return None
    number = error.errno if error.errno in _ADVICE else _number_in(str(error))
    if number is None:
        return None
    return MachineTroubleError(_file_of(error) or path, os.strerror(number), _ADVICE[number])


def tells_of_machine(text: str) -> bool:
    """Whether a library's message quotes an error of the operating system, as OpenSlide's and HDF5's do."""
    return _number_in(text) is not None


def check_readable(path: Path) -> None:
    """Read a file to its end.

    Raises:
        MachineTroubleError: the machine does not give all of it.
    """
    try:
        with path.open("rb", buffering=0) as file:
            while file.read(_READ_BYTES):
                pass
    except OSError as error:
        raise (machine_trouble(error, path) or MachineTroubleError(path, _reason(error))) from error


def _reason(error: OSError) -> str:
    return error.strerror or str(error)


def _file_of(error: OSError) -> str | None:
    # Of a copy it is the target that is full, and either that fails.
    name = error.filename2 or error.filename
    return os.fsdecode(name) if isinstance(name, str | bytes) else None


def _number_in(text: str) -> int | None:
    return next((number for number in _ADVICE if os.strerror(number) in text), None)
