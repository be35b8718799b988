"""What a job of many slides has finished waits in a folder of its own until all is, also when the job failed."""

import shutil
from collections.abc import Sequence
from pathlib import Path

from slidemill.errors import SlidemillError


class SlidesFailedError(SlidemillError):
    """Slides of a job that failed, among others that did not."""

    def __init__(self, reasons: Sequence[str], total: int) -> None:
        super().__init__(reasons, total)
        self.reasons = reasons
        self.total = total

    def __str__(self) -> str:
        problems = " ".join(self.reasons)
        return f"{len(self.reasons)} of {self.total} slides failed, the others are kept for the next run. {problems}"


def move_kept(kept: Path, final: Path) -> bool:
    """Move a finished file to its final place; False where it is not there, as another copy of the job has moved it."""
    try:
        shutil.move(kept, final)
    except FileNotFoundError:
        return False
    return True
