"""A program that ends with all that it has started, however it ends and however this process ends.

A process group of its own is led by a shell that waits for the end of a pipe, of which this process holds the other
end: when this process is killed, also by SIGKILL, the shell ends the group.
"""

import os
import select
import signal
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

_LEADER = 'trap "" TERM; read -r _; kill -TERM 0; rm -rf -- "$1"; kill -KILL 0'
_LONGEST_LAST_WRITE_S = 60.0


@contextmanager
def running(
    command: Sequence[str], temporary: Path, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """Start a program in a process group of its own; at the end of the block nothing of the group runs any more.

    Args:
        command: the program and its arguments.
        temporary: a folder of the program's, which the caller removes, and which is removed also when this process is
            killed.
        environment: of the program.
    """
    leader = subprocess.Popen(["/bin/sh", "-c", _LEADER, "sh", temporary], stdin=subprocess.PIPE, process_group=0)
    try:
        with _started(command, leader.pid, environment) as process:
            yield process
    finally:
        _end(leader.pid)
        leader.wait()
        assert leader.stdin is not None  # noqa: S101
        leader.stdin.close()


@contextmanager
def _started(command: Sequence[str], group: int, environment: Mapping[str, str]) -> Iterator["subprocess.Popen[bytes]"]:
    # All processes of the program hold an end of a pipe, which the kernel closes when it is done with the last of them:
    # one that was killed may still be in the middle of a write.
    all_ended, held = os.pipe()
    try:
        try:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, process_group=group, env=dict(environment), pass_fds=[held]
            )
        finally:
            os.close(held)
        try:
            yield process
        finally:
            _end(group)
            process.wait()
            select.select([all_ended], [], [], _LONGEST_LAST_WRITE_S)
    finally:
        os.close(all_ended)


def _end(group: int) -> None:
    # The leader is waited for last, so the number belongs to this group and no other.
    with suppress(ProcessLookupError):
        os.killpg(group, signal.SIGKILL)
