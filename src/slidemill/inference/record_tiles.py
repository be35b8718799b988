"""The tiles of TFRecord files, decoded for a model; imports TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from slidemill.classifier.input import prefetched
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decode_tile
from slidemill.records import RecordsError
from slidemill.training.backend import tf, unconverted

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "tile/x": tf.io.FixedLenFeature([], tf.int64),
    "tile/y": tf.io.FixedLenFeature([], tf.int64),
}


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
        self._threads = threads

    def batches(self, records: Path, is_used: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Batches of decoded tiles, (tiles, side, side, 3) uint8, and their coordinates, (tiles, 2) int64.

        Args:
            records: the file.
            is_used: (tiles,) bool, which of its tiles to read; those that it does not know are read as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        try:
            yield from self._read(records, is_used)
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise RecordsError(records, " ".join(error.message.split())) from error

    def _read(self, records: Path, is_used: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        numbered = tf.data.TFRecordDataset(str(records)).enumerate()
        wanted = np.append(is_used, True)  # the last is for all that it does not know
        used = numbered.filter(unconverted(lambda number, _: tf.gather(wanted, tf.minimum(number, len(is_used)))))
        tiles = used.map(unconverted(lambda _, record: self._parsed(record)), num_parallel_calls=self._threads)
        for images, coordinates in prefetched(tiles.batch(self._batch_size), self._threads):
            yield images.numpy(), coordinates.numpy()

    def _parsed(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, _FEATURES)
        image = decode_tile(example["image/encoded"], self._shape)
        return image, tf.stack([example["tile/x"], example["tile/y"]])
