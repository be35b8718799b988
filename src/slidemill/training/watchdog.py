"""End a process that no longer moves.

Horovod ends a job in which some ranks wait for one that hangs, but its rank 0 keeps that watch: nobody would notice if
rank 0 itself, or a read from a storage that does not answer, hung. A rank that waits for others also stops moving, so
each rank only has to watch itself: the launcher ends the others.
"""

import logging
import os
import threading
import time

_log = logging.getLogger(__name__)


class Watchdog:
    """A thread that ends the process when nothing was reported for too long.

    Args:
        seconds: the longest time between two reports.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._last = time.monotonic()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="watchdog")

    def __enter__(self) -> "Watchdog":
        """Start to watch."""
        self.report()
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Watch no longer."""
        self._stopped.set()
        self._thread.join()

    def report(self) -> None:
        """Say that the process moves."""
        self._last = time.monotonic()

    def _watch(self) -> None:
        while not self._stopped.wait(min(1.0, self._seconds / 4)):
            if time.monotonic() - self._last > self._seconds:
                _log.error("error: nothing moved for %g s: this rank, or one that it waits for, hangs", self._seconds)
                logging.shutdown()
                os._exit(1)
