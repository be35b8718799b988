"""A whole slide, from its file to what a model says of it: cut as the workflow does it, scored beside other tiles."""

import tempfile
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.features.pixels import SlidePixels
from slidemill.inference.predict import predictions_of
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.store import Predictions
from slidemill.records import parse_example, read_record
from slidemill.serving.options import ServingOptions
from slidemill.serving.served_model import Scored, ServedModel
from slidemill.slides.ordered import map_in_order
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource
from slidemill.tiling.store import TileStore, read_store, store_paths

Rows = Callable[[Sequence[np.ndarray]], np.ndarray]  # the rows of tiles, waited for

_RECORDS_AT_ONCE = 16  # read and decoded by one thread


class GivenUpError(Exception):
    """Nobody waits for the slide any more."""


@dataclass(frozen=True, slots=True)
class SlideScorer:
    """Scores whole slides.

    Attributes:
        model: gives the rows of tiles and what they say.
        options: how slides are cut.
        threads: that read and decode.
        scratch: folder for the tiles of a slide while it is scored; None for the system's.
    """

    model: ServedModel
    options: ServingOptions
    threads: int
    scratch: Path | None = None

    def score(self, slide: Path, rows: Rows, given_up: threading.Event, *, sheet_mpp: float | None) -> Predictions:
        """Score a slide; in a thread of its own.

        Args:
            slide: its file.
            rows: gives the rows of tiles.
            given_up: set when nobody waits any more.
            sheet_mpp: microns per level-0 pixel, which counts before what the file states.

        Raises:
            GivenUpError: nobody waits any more.
        """
        with tempfile.TemporaryDirectory(dir=self.scratch, prefix="slidemill-") as name:
            records, index = store_paths(Path(name), "slide")
            tile_slide(
                SlideSource(slide, slide.stem, slide.stem, sheet_mpp),
                self.options.tiling_for(self.model.description),
                store=index,
                records=records if self.model.takes_stored_tiles else None,
                threads=self.threads,
            )
            store = read_store(index).without(self.options.exclude, self.model.description.slide_tiles)
            if not len(store.coordinates):
                return self._predictions(store, None)
            collector = _Collector(rows, given_up, len(store.coordinates), self.model.largest_batch)
            if self.model.takes_stored_tiles:
                self._read_records(records, store, collector)
            else:
                with SlidePixels(slide).opened() as read:
                    read(store, collector.take, self.threads)
            return self._predictions(store, collector.end())

    def _read_records(self, path: Path, store: TileStore, collector: "_Collector") -> None:
        def read_some(first: int) -> list[np.ndarray]:
            some = slice(first, first + _RECORDS_AT_ONCE)
            with path.open("rb") as file:
                framed = [
                    read_record(path, file, offset=offset, length=length)
                    for offset, length in zip(store.offset[some].tolist(), store.length[some].tolist(), strict=True)
                ]
            return [self.model.pixels(parse_example(record)["image/encoded"]) for record in framed]  # type: ignore[arg-type]

        count = len(store.coordinates)
        number = 0
        for tiles in map_in_order(read_some, range(0, count, _RECORDS_AT_ONCE), self.threads):
            for tile in tiles:
                collector.take(number, tile)
                number += 1

    def _predictions(self, store: TileStore, rows: np.ndarray | None) -> Predictions:
        classes = self.model.description.classes
        found = Scored(np.zeros((0, len(classes)), np.float32)) if rows is None else self.model.scored(rows)
        scored = ScoredTiles(store.coordinates, found.scores, found.slide_scores, found.attention)
        return predictions_of(store, scored, classes, self.model.sha256)


class _Collector:
    """Gathers tiles into batches, and their rows where they belong."""

    def __init__(self, rows: Rows, given_up: threading.Event, count: int, size: int) -> None:
        self._rows_of = rows
        self._given_up = given_up
        self._count = count
        self._size = size
        self._lock = threading.Lock()
        self._tiles: list[tuple[int, np.ndarray]] = []
        self._rows: np.ndarray | None = None

    def take(self, number: int, tile: np.ndarray) -> None:
        """A tile, from any thread; its memory may be written to again afterwards."""
        with self._lock:
            self._tiles.append((number, tile.copy()))
            if len(self._tiles) < self._size:
                return
            full, self._tiles = self._tiles, []
        self._score(full)

    def end(self) -> np.ndarray:
        """The rows of all tiles, when no more come."""
        if self._tiles:
            self._score(self._tiles)
        assert self._rows is not None  # noqa: S101 - there was a tile
        return self._rows

    def _score(self, tiles: list[tuple[int, np.ndarray]]) -> None:
        if self._given_up.is_set():
            raise GivenUpError
        rows = self._rows_of([tile for _, tile in tiles])
        with self._lock:
            if self._rows is None:
                self._rows = np.zeros((self._count, *rows.shape[1:]), rows.dtype)
            self._rows[[number for number, _ in tiles]] = rows
