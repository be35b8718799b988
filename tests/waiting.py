"""Waiting for what another process, a thread or a server does in its own time.

The end of a program, an answer or a line of a log only causes what follows from it: the kernel takes a killed process
down after it has told so, a server counts a request after it has answered it. Assertions about that wait here.
"""

import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

Value = TypeVar("Value")

PATIENCE_SECONDS = 600.0  # for what hangs: longer than any machine needs
_LOOK_SECONDS = 0.05


def eventually(reached: Callable[[], Value], what: str, seconds: float = PATIENCE_SECONDS) -> Value:
    """Wait until `reached()` is true.

    Args:
        reached: asked again and again.
        what: the sentence that tells what is waited for, such as "two epochs are done".
        seconds: after which the test fails.

    Returns:
        What `reached` gave in the end.
    """
    deadline = time.monotonic() + seconds
    while not (value := reached()):
        assert time.monotonic() < deadline, f"after {seconds:g} s it is not so that {what}"
        time.sleep(_LOOK_SECONDS)
    return value


def wait_for_end(*pids: int) -> None:
    """Wait until none of these processes runs, children of this one or not."""
    eventually(lambda: not any(map(is_running, pids)), f"the processes {', '.join(map(str, pids))} have ended")


def is_running(pid: int) -> bool:
    """Whether a process runs; one that has ended and is not waited for by its parent does not."""
    try:
        return (Path("/proc") / str(pid) / "stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False
