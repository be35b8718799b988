"""How far a job is, told in its log from time to time."""

import logging
import time

_SECONDS = 30.0  # between two lines

_LOG = logging.getLogger(__name__)


class Progress:
    """Counts tiles.

    Args:
        total: tiles of the job.
    """

    def __init__(self, total: int) -> None:
        self._total = total
        self._done = 0
        self._start = self._told = time.monotonic()

    def add(self, tiles: int) -> None:
        """Count tiles that are done."""
        self._done += tiles
        now = time.monotonic()
        if now - self._told >= _SECONDS:
            self._told = now
            rate = self._done / (now - self._start)
            left = (self._total - self._done) / rate
            _LOG.info("%d of %d tiles, %.0f tiles/s, %.0f s left", self._done, self._total, rate, left)

    def end(self) -> None:
        """Tell the sum."""
        seconds = time.monotonic() - self._start
        _LOG.info("%d tiles in %.1f s, %.1f tiles/s", self._done, seconds, self._done / max(seconds, 1e-9))
