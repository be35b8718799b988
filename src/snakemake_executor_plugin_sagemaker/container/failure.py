"""Why a job failed, in the 1024 characters that SageMaker keeps."""

import re
from collections.abc import Iterable
from pathlib import Path

from snakemake_executor_plugin_sagemaker.container.layout import MAX_REASON

# What Open MPI says when a rank has failed: lines in a frame of two ruled lines, and lines of its own trouble.
_FRAME = re.compile(r"^-{40,}\n(?:(?!-{40,}$).*\n){1,20}-{40,}$", re.MULTILINE)
_LAUNCHER = re.compile(r"prterun|mpirun|mpiexec|orterun|MPI_ABORT|Primary job", re.IGNORECASE)
_ABORT = re.compile(r"^\[[^\]\n]+:\d+\] (?:\*\*\* |PMIX ERROR).*$", re.MULTILINE)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_TAIL_BYTES = 20_000


def last_lines(text: str) -> str:
    """The last lines that fit, without what Open MPI adds to those of the rank that failed."""
    text = _CONTROL.sub("", text.replace("\r", "\n"))
    text = _FRAME.sub(lambda frame: "" if _LAUNCHER.search(frame[0]) else frame[0], _ABORT.sub("", text))
    kept = [line.rstrip() for line in text.split("\n") if line.strip()]
    chosen: list[str] = []
    room = MAX_REASON
    for line in reversed(kept):
        room -= len(line) + 1
        if room < 0 and chosen:
            break
        chosen.insert(0, line)
    return "\n".join(chosen)[-MAX_REASON:]


def newest_tail(logs: Iterable[Path]) -> str | None:
    """End of the log file that was written last; None if there is none with a line."""
    files = [log for log in logs if log.is_file() and log.stat().st_size]
    if not files:
        return None
    with max(files, key=lambda log: log.stat().st_mtime_ns).open("rb") as log:
        log.seek(0, 2)
        log.seek(max(0, log.tell() - _TAIL_BYTES))
        return log.read().decode(errors="replace")
