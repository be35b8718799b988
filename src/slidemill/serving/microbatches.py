"""Tiles of requests that wait are scored together, on a thread of their own; the queue is bounded."""

import asyncio
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

Compute = Callable[[np.ndarray], np.ndarray]  # (tiles, side, side, 3) uint8 to a row for each
Observe = Callable[[int], object]  # told of the size of each batch


@dataclass(slots=True)
class _Call:
    """Tiles of one call, and where their rows go."""

    tiles: Sequence[np.ndarray]
    rows: "asyncio.Future[np.ndarray]"
    taken: int = 0  # tiles that went into batches
    done: list[np.ndarray] = field(default_factory=list)


@dataclass(slots=True)
class _Batch:
    parts: list[tuple[_Call, slice]] = field(default_factory=list)
    skipped: int = 0  # tiles whose callers no longer wait

    def tiles(self) -> list[np.ndarray]:
        return [tile for call, part in self.parts for tile in call.tiles[part]]


class MicroBatches:
    """Puts the tiles of many calls into batches, in the order in which they came.

    A batch is what waits when the last one is done: one tile alone waits for no others, and the more come the larger
    batches are. Their sizes are powers of two, because engines prepare themselves for each size that they meet.
    """

    def __init__(self, compute: Compute, *, largest: int, room: int, observe: Observe | None = None) -> None:
        """Prepare; `start` begins.

        Args:
            compute: scores a batch, on the thread.
            largest: tiles of a batch, a power of two.
            room: tiles that may wait at once.
            observe: told of each batch.
        """
        self._compute = compute
        self._largest = largest
        self._room = room
        self._observe = observe
        self._calls: deque[_Call] = deque()
        self._ends = False
        self._changed = threading.Condition()  # of the two above
        self._tiles = 0  # changed by the event loop alone
        self._turn = asyncio.Lock()  # lets callers in as they came
        self._freed = asyncio.Event()
        self._thread = threading.Thread(target=self._run, name="micro-batches", daemon=True)

    @property
    def waiting_tiles(self) -> int:
        """Tiles that wait or are in the batch under way."""
        return self._tiles

    def start(self) -> None:
        """Begin; called in the event loop of those that will call `rows`."""
        self._loop = asyncio.get_running_loop()
        self._thread.start()

    async def end(self) -> None:
        """Score what waits, and end the thread."""
        with self._changed:
            self._ends = True
            self._changed.notify()
        await asyncio.to_thread(self._thread.join)

    async def rows(self, tiles: Sequence[np.ndarray]) -> np.ndarray:
        """The rows of tiles; waits for room first, in turn.

        Args:
            tiles: each (side, side, 3) uint8; at least one. More than there is room for wait until nothing else does.
        """
        async with self._turn:
            while self._tiles and self._tiles + len(tiles) > self._room:
                self._freed.clear()
                await self._freed.wait()
            self._tiles += len(tiles)
        call = _Call(tiles, self._loop.create_future())
        with self._changed:
            self._calls.append(call)
            self._changed.notify()
        return await call.rows

    def _run(self) -> None:
        while (batch := self._next()) is not None:
            rows: np.ndarray | None = None
            failure: BaseException | None = None
            if batch.parts:
                try:
                    rows = self._compute(np.stack(batch.tiles()))
                except BaseException as error:  # it is told to those who wait, and ends no other request
                    failure = error
            self._loop.call_soon_threadsafe(self._deliver, batch, rows, failure)

    def _next(self) -> _Batch | None:
        """The next batch; None when there is none and none will come."""
        with self._changed:
            self._changed.wait_for(lambda: self._calls or self._ends)
            if not self._calls:
                return None
            batch = _Batch()
            wanted = self._size()
            while self._calls and wanted:
                call = self._calls[0]
                left = len(call.tiles) - call.taken
                if call.rows.done():
                    batch.skipped += left
                    self._calls.popleft()
                    continue
                count = min(left, wanted)
                batch.parts.append((call, slice(call.taken, call.taken + count)))
                call.taken += count
                wanted -= count
                if call.taken == len(call.tiles):
                    self._calls.popleft()
            return batch

    def _size(self) -> int:
        """The greatest power of two that is not above the number of tiles that wait."""
        waiting = sum(len(call.tiles) - call.taken for call in self._calls if not call.rows.done())
        return min(self._largest, 1 << waiting.bit_length() - 1) if waiting else 1

    def _deliver(self, batch: _Batch, rows: np.ndarray | None, failure: BaseException | None) -> None:
        """In the event loop, once for all calls of a batch."""
        start = 0
        for call, part in batch.parts:
            count = part.stop - part.start
            if rows is not None:
                call.done.append(rows[start : start + count])
            start += count
            if call.rows.done():
                continue
            if failure is not None:
                call.rows.set_exception(failure)
            elif part.stop == len(call.tiles):
                call.rows.set_result(call.done[0] if len(call.done) == 1 else np.concatenate(call.done))
        if start and self._observe is not None:
            self._observe(start)
        self._tiles -= start + batch.skipped
        self._freed.set()
