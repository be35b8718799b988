"""Programs that end with the one that started them, also when that was killed and could not tell them.

A job that goes on without its workflow would work beside the copy of it that the next run starts. The kernel's own
means (PR_SET_PDEATHSIG) reaches direct children only, and between a workflow and its programs there is a shell. So the
workflow says in the environment who it is, and its programs look now and then whether it is still there.
"""

import logging
import os
import signal
import threading
import time
from pathlib import Path

VARIABLE = "SLIDEMILL_ENDS_WITH"

_PROC = Path("/proc")
_LOOK_SECONDS = 1.0
_PATIENCE_SECONDS = 600.0  # for a training to save its state

_LOG = logging.getLogger(__name__)


def tie_programs() -> None:
    """Let the programs that this process starts end with it; nothing happens where there is no /proc."""
    own = _identity(os.getpid())
    if own is not None:
        os.environ[VARIABLE] = own


def end_with_starter() -> None:
    """From now on send this process SIGTERM when the one that it ends with is gone.

    One of another machine, or of a container with process numbers of its own, is not looked for.
    """
    starter = os.environ.get(VARIABLE, "")
    if starter.startswith(f"{_numbering()} "):
        threading.Thread(target=_look, args=(starter,), daemon=True, name="lifeline").start()


def end_when_asked(mark: Path) -> None:
    """From now on send this process SIGTERM when there is such a file: a signal reaches the workflow alone."""
    threading.Thread(target=_wait_for, args=(mark,), daemon=True, name="until").start()


def _wait_for(mark: Path) -> None:
    while not mark.exists():
        time.sleep(_LOOK_SECONDS)
    os.kill(os.getpid(), signal.SIGTERM)


def _look(starter: str) -> None:
    pid = int(starter.split()[-2])
    while _identity(pid) == starter:
        time.sleep(_LOOK_SECONDS)
    _LOG.error("the workflow that started this program is gone: it ends as well")
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(_PATIENCE_SECONDS)
    os._exit(1)


def _identity(pid: int) -> str | None:
    """A process for as long as it lives: its number may be another's afterwards."""
    try:
        fields = (_PROC / str(pid) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    state, started = fields[0], fields[19]
    return None if state in "ZX" else f"{_numbering()} {pid} {started}"


def _numbering() -> str:
    """Where the numbers of processes are those of this process."""
    try:
        boot = (_PROC / "sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {(_PROC / 'self/ns/pid').readlink()}"
    except OSError:
        return "unknown unknown"
