"""The pixels of some tiles of each slide, read from its records whenever they are needed and decoded for a model.

Nothing is held: a few tiles of a slide are read in a moment, and threads read batches ahead.
"""

import hashlib
import json
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

import numpy as np
from google.protobuf.message import DecodeError

from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decode_tile
from slidemill.machine import machine_trouble
from slidemill.records import DamagedRecordError, RecordsError, parse_example, read_checksum, read_record
from slidemill.splits.table import SplitRow
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_record_places, store_paths
from slidemill.training.backend import tf
from slidemill.training.method import Moves

_Read = TypeVar("_Read")


@dataclass(frozen=True, slots=True)
class PixelFiles:
    """The tiles of slides, in their records; see `slidemill.mil.tile_values.TileValues`.

    Attributes:
        records: a file for each slide.
        places: of each slide (tiles, 2) int64, offset and length in bytes of the record of each tile that is taken.
        shape: sides of the tiles.
    """

    records: tuple[Path, ...]
    places: tuple[np.ndarray, ...]
    shape: TileShape

    @classmethod
    def of(
        cls,
        slides: Sequence[SplitRow],
        folder: Path,
        exclude: Collection[QualityFlag],
        *,
        most: int,
        shape: TileShape,
        moves: Moves,
    ) -> "PixelFiles":
        """Find the tiles of slides in their records.

        Args:
            slides: rows of splits.tsv with as many tiles as are taken of each.
            folder: of the tile stores.
            exclude: tiles with one of these flags are left out, as splits.tsv does.
            most: greatest number of tiles of a slide, those with most tissue.
            shape: sides of the tiles.
            moves: called for each slide.

        Raises:
            RecordsError: a slide was tiled without records, or its store has other tiles than splits.tsv counted.
            ZarrZipError: an index is missing or damaged.
        """
        places = []
        for row in slides:
            moves()
            records, index = store_paths(folder, row.slide_id)
            own = read_record_places(index, exclude, most)
            if not own[:, 1].all():
                raise RecordsError(records, "the slide was tiled without its pixels")
            if len(own) != row.tile_count:
                raise RecordsError(records, f"{len(own)} of its tiles are taken, and {row.tile_count} by splits.tsv")
            places.append(own)
        return cls(tuple(store_paths(folder, row.slide_id)[0] for row in slides), tuple(places), shape)

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        """Read and decode tiles of a slide: (n, side, side, 3) uint8, RGB.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        return np.stack(self._each(place, self._decoded, chosen))

    def checksums(self, place: int) -> list[int]:
        """The checksums that the file of a slide states of its tiles.

        Raises:
            RecordsError: the file is missing or too short.
        """
        return self._each(place, read_checksum)

    def _each(self, place: int, read: Callable[..., _Read], chosen: np.ndarray | None = None) -> list[_Read]:
        path, places = self.records[place], self.places[place]
        if chosen is not None:
            places = places[chosen]
        with _opened(path) as file:
            return [read(path, file, offset=offset, length=length) for offset, length in places.tolist()]

    def _decoded(self, path: Path, file: BinaryIO, *, offset: int, length: int) -> np.ndarray:
        example = parse_example(read_record(path, file, offset=offset, length=length))
        with tf.device("CPU"):
            return np.asarray(decode_tile(tf.constant(example["image/encoded"]), self.shape))


def pixels_sha256(
    rows: Sequence[SplitRow], files: Sequence[PixelFiles], exclude: Collection[QualityFlag], moves: Moves
) -> str:
    """A hash of slides, their labels and splits, and of the pixels that are taken of them, as stored.

    Of pixels it takes the checksums that their records hold, so that nothing large is read.

    Args:
        rows: slides, those without tiles among them.
        files: the tiles of those with tiles.
        exclude: tiles with one of these flags are left out.
        moves: called for each slide.

    Raises:
        RecordsError: a file is missing or too short.
    """
    digest = hashlib.sha256(json.dumps(sorted(exclude)).encode())
    for row in rows:
        digest.update(json.dumps([row.slide_id, row.patient_id, row.label, row.split, row.tile_count]).encode())
    for part in files:
        for place in range(len(part.records)):
            moves()
            digest.update(json.dumps(part.checksums(place)).encode())
    return digest.hexdigest()


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """A file of records; what is wrong with it is told by its name."""
    try:
        with path.open("rb") as file:
            yield file
    except (DamagedRecordError, DecodeError, KeyError, tf.errors.InvalidArgumentError) as error:
        reason = f"record at byte {error.offset}" if isinstance(error, DamagedRecordError) else "a tile is no JPEG"
        raise RecordsError(path, reason) from error
    except OSError as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise RecordsError(path, error.strerror or str(error)) from error
