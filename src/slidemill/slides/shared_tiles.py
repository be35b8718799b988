"""Decoded source tiles that several output tiles need, kept until the last of them has taken its part."""

import threading
from collections.abc import Callable

import numpy as np

_MOST_BYTES = 256 * 2**20  # kept at once; beyond it the oldest are dropped and decoded again if need be


class _Slot:
    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.pixels: np.ndarray | None = None


class SharedTiles:
    """Source tiles that are decoded once, by whichever thread comes first.

    Args:
        uses: for each source tile, how many output tiles take a part of it.
    """

    def __init__(self, uses: np.ndarray) -> None:
        self._left = uses.copy()
        self._shared: list[bool] = (uses > 1).tolist()
        self._lock = threading.Lock()
        self._slots: dict[int, _Slot] = {}

    def is_shared(self, index: int) -> bool:
        """Whether more than one output tile needs it."""
        return self._shared[index]

    def is_ready(self, index: int) -> bool:
        """Whether it was decoded before and is still kept."""
        slot = self._slots.get(index)
        return slot is not None and slot.pixels is not None

    def take(self, index: int, decode: Callable[[int], np.ndarray]) -> np.ndarray:
        """The pixels of a shared tile, for one of its uses."""
        with self._lock:
            slot = self._slots.setdefault(index, _Slot())
        with slot.lock:
            if slot.pixels is None:
                slot.pixels = decode(index)
            pixels = slot.pixels
        with self._lock:
            self._left[index] -= 1
            if self._left[index] <= 0:
                self._slots.pop(index, None)
            elif len(self._slots) * pixels.nbytes > _MOST_BYTES:
                self._slots.pop(next(iter(self._slots)))
        return pixels
