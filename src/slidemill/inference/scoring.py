"""A loaded model that takes pixels, and the tiles that it scores; imports TensorFlow."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from slidemill.classifier.input import prefetched
from slidemill.classifier.tiles import decode_tile
from slidemill.errors import SlidemillError
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.tile_model import load_tile_model
from slidemill.training.backend import tf, unconverted
from slidemill.training.description import ModelDescription

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "tile/x": tf.io.FixedLenFeature([], tf.int64),
    "tile/y": tf.io.FixedLenFeature([], tf.int64),
}


class RecordsError(SlidemillError):
    """Tile records that cannot be read or decoded."""

    def __init__(self, records: Path, reason: str) -> None:
        super().__init__(records, reason)
        self.records = records
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"{self.records}: missing or damaged tiles ({self.reason}). Delete the file and run again to make it anew."
        )


class RecordScorer:
    """A model that takes pixels in memory, for the tile records of any number of slides."""

    def __init__(self, model_file: Path, description: ModelDescription, *, batch_size: int, threads: int) -> None:
        """Load the model.

        Args:
            model_file: model.keras.
            description: of the model.
            batch_size: tiles that are scored at once.
            threads: CPU threads for decoding and for the model.
        """
        self._model = load_tile_model(model_file, description, threads=threads)
        self._batch_size = batch_size
        self._threads = threads
        self._class_count = len(description.classes)

    def score(self, records: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score tiles of a TFRecord file; beside the scores, memory holds a few batches.

        Args:
            records: the file.
            is_used: (tiles,) bool, which of its tiles to score; those that it does not know are scored as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        try:
            coordinates, scores = zip(*self._score_batches(records, is_used), strict=True)
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise RecordsError(records, " ".join(error.message.split())) from error
        return ScoredTiles(np.concatenate(coordinates), np.concatenate(scores))

    def _score_batches(self, records: Path, is_used: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        yield np.zeros((0, 2), np.int64), np.zeros((0, self._class_count), np.float32)
        numbered = tf.data.TFRecordDataset(str(records)).enumerate()
        wanted = np.append(is_used, True)  # the last is for all that it does not know
        used = numbered.filter(unconverted(lambda number, _: tf.gather(wanted, tf.minimum(number, len(is_used)))))
        tiles = used.map(unconverted(lambda _, record: self._parsed(record)), num_parallel_calls=self._threads)
        for images, coordinates in prefetched(tiles.batch(self._batch_size), self._threads):
            yield coordinates.numpy(), self._model.scores(images.numpy())

    def _parsed(self, record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, _FEATURES)
        image = decode_tile(example["image/encoded"], self._model.shape)
        return image, tf.stack([example["tile/x"], example["tile/y"]])
