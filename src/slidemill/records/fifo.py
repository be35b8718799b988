"""Records from a FIFO, as SageMaker's Pipe channels give them: one named pipe for each pass over the data.

Source: Amazon SageMaker developer guide, "Common data formats for training", Pipe mode: the FIFO of a channel's pass is
`{channel}_{pass}`, counted from 0; it has one reader, and the next one appears after it was read.
"""

import time
from collections.abc import Iterator
from pathlib import Path

from slidemill.errors import SlidemillError
from slidemill.records.tfrecord import read_records

_POLL_SECONDS = 0.05
_BLOCK_BYTES = 4_000_000


class FifoMissingError(SlidemillError):
    """A FIFO that did not appear in time."""

    def __init__(self, path: Path, seconds: float) -> None:
        super().__init__(path, seconds)
        self.path = path
        self.seconds = seconds

    def __str__(self) -> str:
        return f"{self.path}: no such FIFO after {self.seconds:g} s. Is the channel of this name in Pipe mode?"


class FifoChannel:
    """A channel whose FIFOs are read one after the other.

    The count of passes outlives each reading: a dataset that is made anew goes on with the next FIFO.

    Args:
        channel: path without the number: `/opt/ml/input/data/train_0` reads `train_0_0`, then `train_0_1`.
        wait_seconds: how long to wait for a FIFO to appear.
    """

    def __init__(self, channel: Path, *, wait_seconds: float = 300.0) -> None:
        self._channel = channel
        self._wait_seconds = wait_seconds
        self.passes = 0

    def blocks(self) -> Iterator[list[bytes]]:
        """Read the next FIFO to its end: the records, checked, some megabytes at a time.

        Raises:
            FifoMissingError: the FIFO does not appear.
            DamagedRecordError: a checksum is wrong or the FIFO ends inside a record.
        """
        path = self._channel.with_name(f"{self._channel.name}_{self.passes}")
        self.passes += 1
        self._wait_for(path)
        block, size = [], 0
        for record in read_records(path):
            block.append(record)
            size += len(record)
            if size >= _BLOCK_BYTES:
                yield block
                block, size = [], 0
        if block:
            yield block

    def _wait_for(self, path: Path) -> None:
        deadline = time.monotonic() + self._wait_seconds
        while not path.exists():
            if time.monotonic() > deadline:
                raise FifoMissingError(path, self._wait_seconds)
            time.sleep(_POLL_SECONDS)
