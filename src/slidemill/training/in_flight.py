"""What was started on the device and nobody has looked at yet.

Who looks at a step before the next one is started lets a GPU stand still meanwhile. TensorFlow hands a result over when
the device is done with all that it had when it was asked for the result. So a thread asks as soon as a step is started,
and the answer is waited for when the next step is.
"""

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Generic, Protocol, Self, TypeVar

import numpy as np

Step = TypeVar("Step")


class Result(Protocol):
    """A tensor that the device may still be computing."""

    def numpy(self) -> np.ndarray:
        """Its values; waits for them."""


class InFlight(Generic[Step]):
    """At most one step that was started and not looked at, as a context.

    Args:
        look: told of each step, in their order, and of the values that it gave.
    """

    def __init__(self, look: Callable[[Step, Sequence[np.ndarray]], None]) -> None:
        self._look = look
        self._waiting: deque[tuple[Step, Future[list[np.ndarray]]]] = deque()
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="results")

    def __enter__(self) -> Self:
        """Nothing is in flight."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the thread. What was not looked at never is: look at it before by `settle`."""
        self._reader.shutdown(cancel_futures=True)

    def add(self, step: Step, results: Sequence[Result]) -> None:
        """Take on a step that was started, and look at the one before it."""
        self._waiting.append((step, self._reader.submit(_values, results)))
        self._look_at_all_but(1)

    def settle(self) -> None:
        """Look at all that was started: what it changed is then known to be as it looks."""
        self._look_at_all_but(0)

    def _look_at_all_but(self, last: int) -> None:
        while len(self._waiting) > last:
            step, values = self._waiting.popleft()
            self._look(step, values.result())


def _values(results: Sequence[Result]) -> list[np.ndarray]:
    return [result.numpy() for result in results]
