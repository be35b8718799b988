"""Why a job failed, in the 1024 characters that SageMaker keeps."""

import re
from collections.abc import Iterable
from pathlib import Path

from snakemake_executor_plugin_sagemaker.container.layout import MAX_REASON

_RULED = re.compile(r"-{40,}\s*$")
_TAIL_BYTES = 20_000


def last_lines(text: str) -> str:
    """The last lines that fit, without what Open MPI says about them between two ruled lines."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if _RULED.match(line):
            inside = not inside
        elif not inside and line.strip():
            kept.append(line.rstrip())
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
