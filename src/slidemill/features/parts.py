"""Batches in parts that the memory of a device takes."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

_Result = TypeVar("_Result")

_LOG = logging.getLogger(__name__)


class Parts:
    """Encodes batches whole, until the device's memory is full: from then on in parts, half as large each time."""

    def __init__(self, batch_size: int, *, is_full: Callable[[Exception], bool]) -> None:
        """Begin with whole batches.

        Args:
            batch_size: tiles of a batch.
            is_full: whether an error says that the memory is full.
        """
        self._at_once = batch_size
        self._is_full = is_full

    def encode(self, tiles: Any, encode: Callable[[Any], _Result]) -> Sequence[_Result]:
        """What `encode` gives of each part of a batch, in order.

        Args:
            tiles: a batch, in whatever form slices can be cut from.
            encode: called with one part after the other, and with all of them anew after an error of memory.
        """
        while True:
            try:
                starts = range(0, len(tiles), self._at_once)
                return [encode(tiles[start : start + self._at_once]) for start in starts]
            except Exception as error:
                if self._at_once == 1 or not self._is_full(error):
                    raise
            self._at_once = (self._at_once + 1) // 2
            _LOG.warning("the GPU's memory is full: %d tiles at once from now on", self._at_once)
