"""Run by test_failures.py: a training that waits a second for a rank that hangs, once a file is there.

Before that it is as patient as it was told to be: on a busy machine every step may take longer than a second.
"""

import os
import runpy
import sys
from pathlib import Path

from slidemill.training import session
from slidemill.training.watchdog import Watchdog

HURRY = Path(os.environ["IMPATIENT_ONCE_THERE"])


class Impatient(Watchdog):
    """A watchdog whose patience ends from outside."""

    @property
    def _seconds(self) -> float:
        return 1.0 if HURRY.exists() else self._told

    @_seconds.setter
    def _seconds(self, seconds: float) -> None:
        self._told = seconds


session.Watchdog = Impatient
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # what a program there imports from beside it
runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "train.py"), run_name="__main__")
