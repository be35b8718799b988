"""A device whose results are there when it has more to do."""

import threading

import numpy as np

from ..waiting import PATIENCE_SECONDS


class LateDevice:
    """Computes a step when the next one was started, or when it is told to. Whoever waits for it before that hangs.

    Attributes:
        started: the steps, in their order.
    """

    def __init__(self):
        self.started = []
        self._done = threading.Event()

    def start(self, step, *values):
        """Start a step that gives these values."""
        self.finish()
        self._done = threading.Event()
        self.started.append(step)
        return tuple(_Result(self._done, value) for value in values)

    def finish(self):
        """Compute what was started."""
        self._done.set()


class _Result:
    def __init__(self, done, value):
        self._done = done
        self._value = value

    def numpy(self):
        assert self._done.wait(PATIENCE_SECONDS), "the host waits for a step and starts no other meanwhile"
        return np.asarray(self._value)
