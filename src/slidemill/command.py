"""What every script shares: logging, errors as one line, and how it ends."""

import logging
import os
import signal
import sys
import traceback
from collections.abc import Callable
from types import FrameType

from slidemill.errors import SlidemillError
from slidemill.lifeline import end_with_starter
from slidemill.machine import machine_trouble

_TERMINATED = 128 + signal.SIGTERM


class _TerminatedError(BaseException):
    """SIGTERM came."""


def run(main: Callable[[], None]) -> None:
    """Run a script's click command.

    A `SlidemillError` is printed as one line and ends the process with its exit code, mostly 1, and so is trouble of
    the machine, such as a full disk; click ends it with 2 for wrong arguments; anything else is a bug, is printed with
    its traceback and ends the process with 1 as well. SIGTERM ends it as Ctrl-C would: unfinished files are removed.
    """
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s", stream=sys.stderr)
    logging.raiseExceptions = False  # a log on a full disk has no room for the tracebacks of its own failure either
    signal.signal(signal.SIGTERM, _end)
    try:
        end_with_starter()
        main()
    except SlidemillError as error:
        _end_all_ranks(str(error), error.exit_code)
    except _TerminatedError:
        _end_all_ranks("ended by a signal", _TERMINATED)
    except Exception as error:
        trouble = machine_trouble(error)
        _end_all_ranks(str(trouble) if trouble else None, 1)


def _end(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    signal.signal(number, signal.SIG_DFL)  # a second one ends it at once
    raise _TerminatedError


def _end_all_ranks(line: str | None, exit_code: int) -> None:
    """Print the line, or the traceback of the error that is handled where there is none, and end."""
    # A rank that left in the orderly way would wait in MPI_Finalize for the others, who wait for it; a process that
    # exits with an error before that makes mpirun and srun end them all.
    try:
        if line is None:
            traceback.print_exc()
        else:
            print(f"error: {line}", file=sys.stderr)
        sys.stderr.flush()
        sys.stdout.flush()
    finally:
        os._exit(exit_code)
