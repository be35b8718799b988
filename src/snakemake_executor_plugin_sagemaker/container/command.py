"""The job's command: run with its output and its logs shown, and stopped with grace."""

import collections
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path

import psutil

_POLL_SECONDS = 1.0
_KEPT_LINES = 200
# Programs that only hold others: a shell or a launcher that ends at once would take the program's grace away.
_HOLDERS = {"bash", "sh", "dash", "mpirun", "mpiexec", "prterun", "orterun", "prted", "orted", "sshd", "ssh"}


def run_command(command: str, *, folder: Path, environment: Mapping[str, str], logs: Iterable[Path]) -> tuple[int, str]:
    """Run a shell command; its output and the lines of its logs go to this process's output.

    SIGTERM goes on to the programs that do the work.

    Args:
        logs: files that the command may write.
    Returns:
        The exit code, and the last lines of the output.
    """
    process = subprocess.Popen(
        ["/bin/bash", "-c", command],
        cwd=folder, env=dict(environment), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
        text=True, errors="replace",
    )  # fmt: skip
    before = signal.signal(signal.SIGTERM, lambda *_: stop_workers(process.pid))
    last: collections.deque[str] = collections.deque(maxlen=_KEPT_LINES)
    ended = threading.Event()
    followers = [threading.Thread(target=_follow, args=(log, ended), daemon=True) for log in logs]
    for follower in followers:
        follower.start()
    assert process.stdout is not None  # noqa: S101
    with process.stdout as output:
        for line in output:
            last.append(line)
            _show(line)
    code = process.wait()
    signal.signal(signal.SIGTERM, before)
    ended.set()
    for follower in followers:
        follower.join()
    return (code if code >= 0 else 128 - code), "".join(last)


def stop_workers(root: int) -> None:
    """Send SIGTERM to the programs below a process, but not to shells and launchers.

    Snakemake, which gets it too, then waits for what runs and starts nothing more: no retry in a container that ends.
    """
    for process in _descendants(root):
        try:
            if process.name() not in _HOLDERS:
                process.send_signal(signal.SIGTERM)
        except psutil.Error:  # ended meanwhile
            continue


def _descendants(root: int) -> list[psutil.Process]:
    try:
        return psutil.Process(root).children(recursive=True)
    except psutil.Error:
        return []


def _follow(log: Path, ended: threading.Event) -> None:
    """Show lines of a file as they come, from when it appears to the command's end."""
    position = 0
    rest = b""
    last_round = False
    while not last_round:
        last_round = ended.wait(_POLL_SECONDS)
        try:
            with log.open("rb") as file:
                if os.fstat(file.fileno()).st_size < position:  # written anew
                    position, rest = 0, b""
                file.seek(position)
                *lines, rest = (rest + file.read()).split(b"\n")
                position = file.tell()
        except OSError:
            continue
        for line in lines:
            _show(f"[{log.name}] {line.decode(errors='replace')}\n")


def _show(line: str) -> None:
    sys.stdout.write(line)
    sys.stdout.flush()
