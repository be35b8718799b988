"""From a request's tiles to what the model says of them."""

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

import numpy as np

from slidemill.serving.microbatches import MicroBatches, Observe
from slidemill.serving.served_model import Scored, ServedModel
from slidemill.serving.settings import Limits

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")


class Service:
    """A model, the threads that decode for it, and the queue before it."""

    def __init__(self, model: ServedModel, limits: Limits, *, threads: int, observe: Observe | None = None) -> None:
        """Prepare; `start` begins."""
        self.model = model
        self.batches = MicroBatches(model.rows, largest=model.largest_batch, room=limits.waiting_tiles, observe=observe)
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="decode")

    def start(self) -> None:
        """Begin, in the event loop of the requests."""
        self.batches.start()

    async def end(self) -> None:
        """Finish what was taken."""
        await self.batches.end()
        self._workers.shutdown()

    async def score(self, images: Sequence[bytes]) -> Scored:
        """Score tiles, all of one request.

        Args:
            images: JPEG or PNG, each; at least one.

        Raises:
            UnfitTileError: one of them is not a tile of the model's.
        """
        step = self.model.largest_batch
        rows = []
        for start in range(0, len(images), step):
            tiles = await self._run(self._decoded, images[start : start + step])
            rows.append(await self.batches.rows(tiles))
        return await self._run(self.model.scored, rows[0] if len(rows) == 1 else np.concatenate(rows))

    def _decoded(self, images: Sequence[bytes]) -> list[np.ndarray]:
        return [self.model.pixels(image) for image in images]

    async def _run(self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)
