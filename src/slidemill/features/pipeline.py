"""From the tiles of many slides to their features, so that the encoder always has work.

Threads decode tiles into batches (`batches`), which run across slides; other threads hand full batches to the encoders
and fetch features some batches later. Features of a slide go out when its last tile is there.
"""

import math
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.features.batches import Batches, Stopped
from slidemill.features.encoder import Encoder, Features
from slidemill.features.pixels import TILES_AHEAD_PER_THREAD, TilePixels
from slidemill.features.progress import Progress
from slidemill.tiling.store import TileStore


class FeatureValueError(SlidemillError):
    """A feature that is no finite number, or too large for float16."""

    def __init__(self, slide_id: str, number: int, corner: tuple[int, int]) -> None:
        super().__init__(slide_id, number, corner)
        self.slide_id = slide_id
        self.number = number
        self.corner = corner

    def __str__(self) -> str:
        return (
            f"{self.slide_id}: the features of tile {self.number} at {self.corner} are not finite in float16. The "
            "encoder's weights may be damaged, or its precision too low: set features.precision: float32."
        )


@dataclass(frozen=True, slots=True)
class SlideTiles:
    """A slide with tiles.

    Attributes:
        store: the index of its tiles.
        pixels: where they come from.
    """

    store: TileStore
    pixels: TilePixels


@dataclass(slots=True)
class _Slide:
    """A slide on its way.

    Attributes:
        tiles: the slide.
        first, end: its places in the row of all tiles.
        features: for each encoder (tiles, dimension) float16.
        missing: rows of all encoders that are still to come.
        not_finite: the first tile with a feature that is no number of float16; one too large for none.
        error: why its tiles could not be read.
    """

    tiles: SlideTiles
    first: int
    end: int
    features: list[np.ndarray]
    missing: int
    not_finite: int
    error: SlidemillError | None = None


Finish = Callable[[SlideTiles, Sequence[np.ndarray]], object]  # with (tiles, dimension) float16 for each encoder


def encode_slides(
    slides: Iterable[SlideTiles], encoders: Sequence[Encoder], *, finish: Finish, progress: Progress, threads: int = 1
) -> list[SlidemillError]:
    """Encode every tile of slides by every encoder; pixels are read once.

    Args:
        slides: each with at least one tile; all tiles are of one size, that of the encoders.
        encoders: loaded, for batches of one size.
        finish: called for each slide as soon as its features are there, one at a time, in a thread of its own.
        progress: told of each tile.
        threads: that decode.

    Returns:
        Why slides failed, one error for each; the others are not touched by it.
    """
    batches = Batches(encoders[0].new_batch, _batch_count(encoders, threads))
    writer = ThreadPoolExecutor(1)  # so that no encoder waits for a disk
    collector = _Collector(encoders, batches.size, lambda *slide: writer.submit(finish, *slide), progress)
    workers = [
        threading.Thread(
            target=_encode_batches, args=(batches, encoders, collector), name=f"encoder-{number}", daemon=True
        )
        for number in range(_workers(encoders))
    ]
    for worker in workers:
        worker.start()
    try:
        place = 0
        for tiles in slides:
            place = _read_slide(collector.add(tiles, place), batches, threads)
        batches.finish(place)
    except Stopped:
        pass  # a worker has failed, and says below why
    except BaseException:
        batches.stop()
        raise
    finally:
        for worker in workers:
            worker.join()
        writer.shutdown()
    if collector.failure is not None:
        raise collector.failure
    return collector.end()


def _workers(encoders: Sequence[Encoder]) -> int:
    return min(encoder.workers for encoder in encoders)


def _batch_count(encoders: Sequence[Encoder], threads: int) -> int:
    """Batches in memory: those that the encoders have, and room for all tiles that are on their way.

    The room lets every thread come to its end when a tile in between cannot be read, so that its batch is never full.
    """
    on_their_way = 1 + math.ceil(threads * TILES_AHEAD_PER_THREAD / encoders[0].batch_size)
    return _workers(encoders) + max(encoder.ahead for encoder in encoders) + on_their_way


def _read_slide(slide: _Slide, batches: Batches, threads: int) -> int:
    """Put the tiles of a slide into batches; the place after them is returned."""
    is_there = np.zeros(slide.end - slide.first, np.bool_)

    def take(number: int, tile: np.ndarray) -> None:
        batches.put(slide.first + number, tile)
        is_there[number] = True

    try:
        with slide.tiles.pixels.opened() as read:
            read(slide.tiles.store, take, threads)
    except SlidemillError as error:
        slide.error = error
        # Places of tiles that did not come, among those that did, stay empty; the next slide begins after them.
        read_to = int(np.flatnonzero(is_there)[-1]) + 1 if is_there.any() else 0
        for number in np.flatnonzero(~is_there[:read_to]).tolist():
            batches.leave_out(slide.first + number, slide.first + number + 1)
        slide.end = slide.first + read_to
    return slide.end


def _encode_batches(batches: Batches, encoders: Sequence[Encoder], collector: "_Collector") -> None:
    """What each encoding thread does."""
    under_way: deque[tuple[int, list[Features]]] = deque()
    ahead = max(encoder.ahead for encoder in encoders)
    try:
        for number, tiles in batches.full():
            under_way.append((number, [encoder.submit(tiles) for encoder in encoders]))
            batches.free(number)
            if len(under_way) > ahead:
                collector.take(*under_way.popleft())
        while under_way:
            collector.take(*under_way.popleft())
    except BaseException as error:
        collector.failure = collector.failure or error
        batches.stop()


@dataclass(slots=True)
class _Collector:
    """Puts features where they belong, and lets slides go that are complete."""

    encoders: Sequence[Encoder]
    batch_size: int
    write: "Callable[[SlideTiles, Sequence[np.ndarray]], Future[object]]"
    progress: Progress
    failure: BaseException | None = None
    _errors: list[SlidemillError] = field(default_factory=list)
    _written: "list[Future[object]]" = field(default_factory=list)
    _slides: list[_Slide] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self, tiles: SlideTiles, first: int) -> _Slide:
        """A slide whose tiles are to come, from the place `first` on."""
        count = len(tiles.store.coordinates)
        features = [np.empty((count, encoder.facts.dimension), np.float16) for encoder in self.encoders]
        slide = _Slide(tiles, first, first + count, features, missing=count, not_finite=count)
        with self._lock:
            self._slides.append(slide)
        return slide

    def take(self, number: int, features: Sequence[Features]) -> None:
        """The features of a batch by each encoder."""
        arrays = [wait() for wait in features]
        start = number * self.batch_size
        with self._lock:
            for slide in list(self._slides):
                first, end = max(start, slide.first), min(start + self.batch_size, slide.end)
                if first < end:
                    self._fill(slide, first, end, [array[first - start : end - start] for array in arrays])
            for slide in [slide for slide in self._slides if not slide.missing or slide.error]:
                self._slides.remove(slide)
                self._let_go(slide)

    def end(self) -> list[SlidemillError]:
        """The errors of all slides, when no batch comes any more and all files are written."""
        for slide in self._slides:  # of which no batch came after they had failed
            self._let_go(slide)
        for written in self._written:
            written.result()
        return self._errors

    def _fill(self, slide: _Slide, first: int, end: int, rows: Sequence[np.ndarray]) -> None:
        to = slice(first - slide.first, end - slide.first)
        for features, own in zip(slide.features, rows, strict=True):
            with np.errstate(over="ignore"):
                features[to] = own
            finite = np.isfinite(features[to]).all(axis=1)
            if not finite.all():
                slide.not_finite = min(slide.not_finite, to.start + int(np.argmin(finite)))
        slide.missing -= end - first
        self.progress.add(end - first)

    def _let_go(self, slide: _Slide) -> None:
        store = slide.tiles.store
        if slide.error is not None:
            self._errors.append(slide.error)
        elif slide.missing:
            raise AssertionError(f"{slide.missing} tiles of {store.summary.slide_id} got lost")
        elif slide.not_finite < len(store.coordinates):
            corner = tuple(store.coordinates[slide.not_finite].tolist())
            self._errors.append(FeatureValueError(store.summary.slide_id, slide.not_finite, corner))
        else:
            self._written.append(self.write(slide.tiles, slide.features))
