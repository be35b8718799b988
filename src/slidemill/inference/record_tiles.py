"""The tiles of TFRecord files, decoded for a model, without TensorFlow."""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from google.protobuf.message import DecodeError

from slidemill.classifier.jpeg_pixels import DamagedJpegError, decode_pixels
from slidemill.classifier.tile_shape import TileShape
from slidemill.machine import machine_trouble
from slidemill.records import DamagedRecordError, RecordsError, parse_example, read_records
from slidemill.slides.ordered import map_in_order

_TILES_AT_ONCE = 16  # decoded by one thread
_LEAST_THREADS = 2  # one would decode in turn with the model, and leave a GPU idle meanwhile


class RecordTiles:
    """Reads tiles of records, in batches."""

    def __init__(self, shape: TileShape, *, batch_size: int, threads: int) -> None:
        """Note what is wanted.

        Args:
            shape: sides of the tiles.
            batch_size: tiles of a batch.
            threads: that decode.
        """
        self._shape = shape
        self._batch_size = batch_size
        self._threads = max(threads, _LEAST_THREADS)

    def batches(self, records: Path, is_used: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of decoded tiles, (tiles, side, side, 3) uint8, and their coordinates, (tiles, 2) int64.

        Args:
            records: the file.
            is_used: (tiles,) bool, which of its tiles to read; those that it does not know are read as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        used = (record for number, record in enumerate(_records(records)) if number >= len(is_used) or is_used[number])
        parts = iter(lambda: list(islice(used, _TILES_AT_ONCE)), [])
        decoded = (
            tile
            for some in map_in_order(lambda part: [self._tile(records, one) for one in part], parts, self._threads)
            for tile in some
        )
        while batch := list(islice(decoded, self._batch_size)):
            images, places = zip(*batch, strict=True)
            yield np.stack(images), np.array(places, np.int64)

    def _tile(self, path: Path, record: bytes) -> tuple[np.ndarray, tuple[Any, Any]]:
        try:
            example = parse_example(record)
            image, place = example["image/encoded"], (example["tile/x"], example["tile/y"])
            if not isinstance(image, bytes):
                raise RecordsError(path, "a tile is no image")
            pixels = decode_pixels(image, self._shape)
        except (DecodeError, KeyError) as error:
            raise RecordsError(path, f"a record is no tile: {error}") from error
        except DamagedJpegError as error:
            raise RecordsError(path, f"a tile is no whole JPEG image: {error}") from error
        if pixels.shape != (self._shape.decoded, self._shape.decoded, 3):
            raise RecordsError(path, f"a tile has not the {self._shape.stored} pixels of the others")
        return pixels, place


def _records(path: Path) -> Iterator[bytes]:
    """The payloads of all records of a file; what is wrong with it is told by its name."""
    try:
        yield from read_records(path)
    except DamagedRecordError as error:
        raise RecordsError(path, f"record at byte {error.offset}") from error
    except OSError as error:
        if trouble := machine_trouble(error, path):
            raise trouble from error
        raise RecordsError(path, error.strerror or str(error)) from error
