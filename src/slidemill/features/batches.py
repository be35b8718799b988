"""Batches of tiles in memory that is used again and again, filled by many threads, across slides.

Tiles have places in one long row: those of the first slide, then those of the next. Batch `n` holds the places from
`n * size` on. A batch gets memory in its turn, when some is free; so the threads that fill the oldest batch never wait,
and memory is as large as was given, however many tiles come.
"""

import queue
import threading
from collections.abc import Callable, Iterator

import numpy as np


class Stopped(Exception):  # noqa: N818 - no error: somebody else has one, and tells of it
    """The work ends early, so nobody needs to wait for anything any more."""


class Batches:
    """Batches in the making; all methods may be called by any thread.

    Args:
        new_batch: gives memory for a batch, (size, side, side, 3) uint8.
        count: number of batches that there is memory for.
    """

    def __init__(self, new_batch: Callable[[], np.ndarray], count: int) -> None:
        self._free = [new_batch() for _ in range(count)]
        self.size = len(self._free[0])
        self._changed = threading.Condition()
        self._held: dict[int, np.ndarray] = {}  # by number of the batch
        self._missing: dict[int, int] = {}  # tiles of each of them
        self._next = 0  # batch that gets memory next
        self._is_stopped = False
        self._full: queue.SimpleQueue[tuple[int, np.ndarray] | None] = queue.SimpleQueue()

    def put(self, place: int, tile: np.ndarray) -> None:
        """Copy a tile to its place, when there is memory for it.

        Raises:
            Stopped: `stop` was called.
        """
        number, row = divmod(place, self.size)
        self._memory_of(number)[row] = tile
        self._count(number, 1)

    def leave_out(self, first: int, end: int) -> None:
        """Say that nothing comes to some places; what is there is zero or an old tile, and nobody may look at it.

        Raises:
            Stopped: `stop` was called.
        """
        for place in range(first, end):
            number = place // self.size
            self._memory_of(number)
            self._count(number, 1)

    def full(self) -> Iterator[tuple[int, np.ndarray]]:
        """Number and tiles of each batch when it is full, for one of the threads that ask; `free` has to follow."""
        while (item := self._full.get()) is not None:
            yield item
        self._full.put(None)  # for the other threads

    def free(self, number: int) -> None:
        """Give the memory of a batch back."""
        with self._changed:
            self._free.append(self._held.pop(number))
            self._changed.notify_all()

    def finish(self, places: int) -> None:
        """Say that no tile comes after so many; the last batch goes out with zeros at its end.

        Raises:
            Stopped: `stop` was called.
        """
        if rest := -places % self.size:
            number, row = divmod(places, self.size)
            self._memory_of(number)[row:] = 0
            self._count(number, rest)
        self._full.put(None)

    def stop(self) -> None:
        """Let all that wait end, because the work has failed."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
        self._full.put(None)

    def _memory_of(self, number: int) -> np.ndarray:
        with self._changed:
            while number not in self._held:
                if self._is_stopped:
                    raise Stopped
                if self._free and number >= self._next:
                    self._held[self._next] = self._free.pop()
                    self._missing[self._next] = self.size
                    self._next += 1
                    self._changed.notify_all()
                else:
                    self._changed.wait()
            return self._held[number]

    def _count(self, number: int, tiles: int) -> None:
        with self._changed:
            self._missing[number] -= tiles
            if self._missing[number]:
                return
            del self._missing[number]
            tiles_of_batch = self._held[number]
        self._full.put((number, tiles_of_batch))
