"""Where the pixels of a slide's tiles come from: the slide, or the records of its tile store."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np
import simplejpeg

from slidemill.errors import SlidemillError
from slidemill.records import parse_example, read_record
from slidemill.scratch import slide_on_scratch
from slidemill.slides import ReaderChoice, open_slide
from slidemill.slides.availability import refuse_machine_trouble
from slidemill.slides.direct_reader import TILES_PER_BATCH
from slidemill.slides.ordered import AHEAD_PER_THREAD, map_in_order
from slidemill.tiling.store import TileStore

PixelSource = Literal["slide", "records"]

Take = Callable[[int, np.ndarray], None]  # gets the number of a tile and its pixels, which are written to again

_RECORDS_AT_ONCE = 8  # read and decoded by one thread

# So many tiles after one that is not there yet may be on their way, for each thread that reads.
TILES_AHEAD_PER_THREAD = AHEAD_PER_THREAD * max(TILES_PER_BATCH, _RECORDS_AT_ONCE)


class NoRecordsError(SlidemillError):
    """Records that are asked for pixels and do not hold the tiles of their index."""

    def __init__(self, records: Path, reason: str) -> None:
        super().__init__(records, reason)
        self.records = records
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.records}: {self.reason}. Set features.source: slide, or delete the file and its index to tile anew."
        )


class LostTileError(SlidemillError):
    """A tile of a slide that could be decoded when the slide was cut."""

    def __init__(self, slide: Path, number: int, corner: tuple[int, int]) -> None:
        super().__init__(slide, number, corner)
        self.slide = slide
        self.number = number
        self.corner = corner

    def __str__(self) -> str:
        return (
            f"{self.slide.name}: tile {self.number} at {self.corner} is damaged, and was not when the slide was cut. "
            "Fetch the slide again, or delete its index under tiles/ to cut it anew without that tile."
        )


class TilePixels(Protocol):
    """The pixels of a slide's tiles."""

    def opened(self) -> AbstractContextManager[Callable[[TileStore, Take, int], None]]:
        """What hands every tile of a store to a function: by the store, the function and a number of threads."""
        ...


@dataclass(frozen=True, slots=True)
class SlidePixels:
    """Tiles as they are cut from a slide.

    Attributes:
        path: the slide's file.
        scratch: folder on a local disk where the slide is copied first; None for none.
    """

    path: Path
    scratch: str | None = None

    @contextmanager
    def opened(self) -> Iterator[Callable[[TileStore, Take, int], None]]:
        """See `TilePixels`."""
        with slide_on_scratch(self.path, self.scratch) as local:
            yield lambda store, take, threads: _map_slide(local, store, take, threads)


@dataclass(frozen=True, slots=True)
class RecordPixels:
    """Tiles as a TFRecord file holds them.

    Attributes:
        path: the file.
    """

    path: Path

    @contextmanager
    def opened(self) -> Iterator[Callable[[TileStore, Take, int], None]]:
        """See `TilePixels`."""
        if not self.path.is_file():
            raise NoRecordsError(self.path, "there is no such file")
        yield lambda store, take, threads: _map_records(self.path, store, take, threads)


def _map_slide(path: Path, store: TileStore, take: Take, threads: int) -> None:
    summary = store.summary
    size = summary.parameters["tile_size"]
    reader: ReaderChoice = summary.parameters["reader"]

    def refuse(number: int, _: np.ndarray) -> None:
        refuse_machine_trouble(path)
        x, y = store.coordinates[number].tolist()
        raise LostTileError(path, number, (x, y))

    with open_slide(path, reader) as slide:
        tiles = slide.map_tiles(
            take, store.coordinates, extent=summary.tile_extent, size=size, threads=threads, damaged=refuse
        )
        for _ in tiles:
            pass


def _map_records(path: Path, store: TileStore, take: Take, threads: int) -> None:
    size = store.summary.parameters["tile_size"]
    if len(store.length) and not store.length.all():
        raise NoRecordsError(path, "the slide was tiled without records")

    def take_some(first: int) -> None:
        buffer = np.empty((size, size, 3), np.uint8)
        with path.open("rb") as file:
            for number in range(first, min(first + _RECORDS_AT_ONCE, len(store.coordinates))):
                offset, length = int(store.offset[number]), int(store.length[number])
                example = parse_example(read_record(path, file, offset=offset, length=length))
                if [example.get("tile/x"), example.get("tile/y")] != store.coordinates[number].tolist():
                    raise NoRecordsError(path, f"its record {number} is another tile than that of the index")
                take(number, _decoded(path, number, example["image/encoded"], buffer))

    for _ in map_in_order(take_some, range(0, len(store.coordinates), _RECORDS_AT_ONCE), threads):
        pass


def _decoded(path: Path, number: int, jpeg: object, buffer: np.ndarray) -> np.ndarray:
    try:
        return np.asarray(simplejpeg.decode_jpeg(jpeg, "RGB", buffer=buffer))
    except ValueError as error:
        raise NoRecordsError(path, f"the tile of its record {number} is damaged ({error})") from None
