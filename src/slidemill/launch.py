"""mpirun that lets its ranks save before they end.

Open MPI 5 answers SIGTERM by sending it to the ranks and SIGKILL a quarter of a second later; the time is fixed in its
launcher (PRRTE 3, odls_base_default_fns.c), and the parameter that used to set it has no effect. But mpirun passes
SIGUSR1 on to the ranks of all hosts and then waits for them as ever. So mpirun runs here in a process group of its own,
where a signal to the whole job does not reach it, and gets SIGUSR1 in the place of SIGTERM.
"""

import ctypes
import getpass
import os
import pwd
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from functools import partial
from types import FrameType

from slidemill.lifeline import VARIABLE, end_with_starter

_PR_SET_PDEATHSIG = 1


def run_mpirun(arguments: Sequence[str]) -> int:
    """Run mpirun to its end.

    The first SIGTERM asks the ranks to stop, a second one ends them as mpirun does; so does SIGINT. The end of the
    workflow that started this process asks them to stop, too.

    Args:
        arguments: of mpirun.

    Returns:
        mpirun's exit code, which is that of the first rank that failed; 128 and more for the signal that killed it.
    """
    mpirun = subprocess.Popen(
        ["mpirun", *arguments],
        stdin=subprocess.DEVNULL,  # a process group in the background would be stopped when it reads a terminal
        process_group=0,
        env=_environment(),
        preexec_fn=partial(_end_with_parent, os.getpid()),
    )
    asked = False

    def ask_to_stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
        nonlocal asked
        mpirun.send_signal(signal.SIGTERM if asked else signal.SIGUSR1)
        asked = True

    signal.signal(signal.SIGTERM, ask_to_stop)
    signal.signal(signal.SIGINT, lambda number, frame: mpirun.send_signal(signal.SIGTERM))  # noqa: ARG005
    end_with_starter()
    code = mpirun.wait()
    return code if code >= 0 else 128 - code


def home_folder() -> str:
    """Where programs look for the user's settings when HOME is not set, which Open MPI refuses to start without."""
    try:
        return pwd.getpwuid(os.getuid()).pw_dir
    except KeyError:  # in a container, of a user that it does not know
        return tempfile.gettempdir()


def name_user() -> None:
    """Give a user that the machine does not know (as in a container) a name, for which Snakemake asks: the number."""
    try:
        getpass.getuser()
    except (KeyError, OSError):
        os.environ["LOGNAME"] = str(os.getuid())


def _environment() -> dict[str, str]:
    inherited = {name: value for name, value in os.environ.items() if name != VARIABLE}  # this process looks for all
    return {"HOME": home_folder()} | inherited


def _end_with_parent(parent: int) -> None:
    """Let Linux end mpirun when the process that starts it is killed, also when it was killed before this."""
    signal.signal(signal.SIGTERM, signal.SIG_DFL)  # whoever starts it may handle the signal or ignore it
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os.kill(os.getpid(), signal.SIGTERM)
