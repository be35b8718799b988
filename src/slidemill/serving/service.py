"""From what a request asks for to what the model says of it."""

import asyncio
import math
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar, TypeVarTuple

import numpy as np

from slidemill.inference.store import Predictions
from slidemill.serving.bodies import SlideRequest, TileRequest
from slidemill.serving.microbatches import MicroBatches, Observe
from slidemill.serving.served_model import ServedModel
from slidemill.serving.slide_places import SlidePlaces
from slidemill.serving.slides import SlideScorer
from slidemill.serving.tile_images import UnfitTileError
from slidemill.units import SlidePixels
from slidemill.web.refusals import RefusedError
from slidemill.web.settings import Limits

_Arguments = TypeVarTuple("_Arguments")
_Result = TypeVar("_Result")

# The resolution of a slide's tiles may be off by a percent from what was asked for, so that they need no resampling.
_MPP_TOLERANCE = 0.05
_SLIDES_AT_ONCE = 1  # each reads by all threads, and their tiles are scored beside those of other requests anyway


class Service:
    """A model, the threads that decode for it, and the queue before it."""

    def __init__(
        self,
        model: ServedModel,
        limits: Limits,
        *,
        slides: SlideScorer,
        places: SlidePlaces,
        threads: int,
        observe: Observe | None = None,
    ) -> None:
        """Prepare; `start` begins.

        Args:
            model: in memory.
            limits: of requests.
            slides: scores whole slides by the same model.
            places: where they lie.
            threads: that decode.
            observe: told of each batch.
        """
        self.model = model
        self._limits = limits
        self._slides = slides
        self._places = places
        self.batches = MicroBatches(model.rows, largest=model.largest_batch, room=limits.waiting_tiles, observe=observe)
        self._workers = ThreadPoolExecutor(threads, thread_name_prefix="decode")
        self._slide_workers = ThreadPoolExecutor(_SLIDES_AT_ONCE, thread_name_prefix="slide")

    def start(self) -> None:
        """Begin, in the event loop of the requests."""
        self._loop = asyncio.get_running_loop()
        self.batches.start()

    async def end(self) -> None:
        """Finish what was taken."""
        await self.batches.end()
        self._workers.shutdown()
        self._slide_workers.shutdown(cancel_futures=True)

    async def in_worker(self, function: Callable[[*_Arguments], _Result], *arguments: *_Arguments) -> _Result:
        """Call a function on one of the threads that decode."""
        return await asyncio.get_running_loop().run_in_executor(self._workers, function, *arguments)

    async def score(self, request: TileRequest | SlideRequest) -> Predictions:
        """What the model says of tiles or a slide.

        Raises:
            RefusedError: they do not fit the model, or there is no such slide.
        """
        return await (self._score_slide(request) if isinstance(request, SlideRequest) else self._score_tiles(request))

    async def _score_tiles(self, request: TileRequest) -> Predictions:
        self._check(request)
        step = self.model.largest_batch
        rows = []
        for start in range(0, len(request.images), step):
            tiles = await self.in_worker(self._decoded, request.images[start : start + step], start)
            rows.append(await self.batches.rows(tiles))
        all_rows = rows[0] if len(rows) == 1 else np.concatenate(rows)
        if self.model.scores_rows_together:
            scored = await self.in_worker(self.model.scored, all_rows)
        else:
            scored = self.model.scored(all_rows)  # at once: a call to a thread costs more
        places = request.coordinates
        return Predictions(
            slide_id=request.slide_ids[0] if request.slide_ids else "",
            patient_id="",
            classes=self.model.description.classes,
            coordinates=np.zeros((0, 2), np.int64) if places is None else np.array(places, np.int64).reshape(-1, 2),
            scores=scored.scores,
            tile_extent=SlidePixels(0),
            reason="",
            model_sha256=self.model.sha256,
            slide_scores=scored.slide_scores,
            attention=scored.attention,
        )

    def _check(self, request: TileRequest) -> None:
        if len(request.images) > self._limits.tiles:
            raise RefusedError(413, f"the body has more than {self._limits.tiles} tiles; send fewer at once")
        most = self.model.description.slide_tiles
        if most is not None and len(request.images) > most:
            raise UnfitTileError(
                f"the model looks at the {most} tiles with most tissue of a slide; send these and not "
                f"{len(request.images)}"
            )
        expected = self.model.description.tile_mpp
        for mpp in request.mpp:
            if not math.isclose(mpp, expected, rel_tol=_MPP_TOLERANCE):
                raise UnfitTileError(
                    f"the tiles have {mpp:g} microns per pixel, and the model takes tiles of {expected:g}; cut them so"
                )
        if self.model.description.method == "mil" and len(request.slide_ids) > 1:
            raise UnfitTileError("the tiles are of several slides, and the model scores one at a time; send them apart")

    def _decoded(self, images: Sequence[bytes], first: int) -> list[np.ndarray]:
        tiles = []
        for number, image in enumerate(images, first):
            try:
                tiles.append(self.model.pixels(image))
            except UnfitTileError as error:
                raise UnfitTileError(f"tile {number}: {error.sentence}") from None
        return tiles

    async def _score_slide(self, request: SlideRequest) -> Predictions:
        found = await self.in_worker(self._places.find, request.slide)
        given_up = threading.Event()

        def rows(tiles: Sequence[np.ndarray]) -> np.ndarray:
            return asyncio.run_coroutine_threadsafe(self.batches.rows(tiles), self._loop).result()

        def score() -> Predictions:
            with found as path:
                return self._slides.score(path, rows, given_up, sheet_mpp=request.mpp)

        try:
            return await self._loop.run_in_executor(self._slide_workers, score)
        finally:
            given_up.set()
