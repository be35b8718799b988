"""Run by test_failures.py: a training that waits ten seconds for a rank that hangs, once its second epoch has begun.

Before that it compiles, which may take a minute on a busy machine.
"""

import runpy
import sys
from pathlib import Path

from slidemill.training import session
from slidemill.training.watchdog import Watchdog

STEPS_IN_FIRST_EPOCH = 6
SECONDS = 10


class Impatient(Watchdog):
    """A watchdog that soon waits for a shorter time."""

    _reports = 0

    def report(self) -> None:
        super().report()
        self._reports += 1
        if self._reports > STEPS_IN_FIRST_EPOCH + 1:  # and one at the start
            self._seconds = SECONDS


session.Watchdog = Impatient
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # what a program there imports from beside it
runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "train.py"), run_name="__main__")
