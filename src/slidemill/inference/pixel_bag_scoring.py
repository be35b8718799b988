"""A loaded model that takes the pixels of some tiles of a slide together; imports TensorFlow."""

from pathlib import Path

import numpy as np

import slidemill.mil.model
import slidemill.mil.tile_networks  # noqa: F401 - both name layers that the file is made of
from slidemill.classifier.tiles import decoded_tiles, model_input
from slidemill.inference.record_tiles import RecordTiles
from slidemill.inference.scorer import ScoredTiles
from slidemill.inference.tile_model import shape_of_tiles
from slidemill.training.backend import as_graph, configure, tf
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import load_model


class PixelBagScorer:
    """A model of bags of pixels in memory, for the tile records of any number of slides, each of which is a bag."""

    def __init__(self, model_file: Path, description: ModelDescription, *, batch_size: int, threads: int) -> None:
        """Load the model.

        Args:
            model_file: model.keras.
            description: of the model.
            batch_size: tiles that are read at once.
            threads: CPU threads for decoding and for the model.
        """
        configure(threads)
        shape = shape_of_tiles(description)
        self._tiles = RecordTiles(shape, batch_size=batch_size, threads=threads)
        self._class_count = len(description.classes)
        model = load_model(model_file)

        def outputs_of(images: tf.Tensor) -> dict[str, tf.Tensor]:
            tiles = model_input(images, shape)[None]
            outputs: dict[str, tf.Tensor] = model({"tiles": tiles, "mask": tf.ones(tf.shape(tiles)[:2], tf.bool)})
            return outputs

        self._outputs_of = as_graph(outputs_of, input_signature=[decoded_tiles(shape)])

    def score(self, source: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score a slide by the pixels of its tiles, all of those to use at once.

        Args:
            source: the tile records.
            is_used: (tiles,) bool, which of its tiles to use; those that it does not know are used as well.

        Raises:
            RecordsError: the file is missing, or a record or its tile is damaged.
        """
        batches = list(self._tiles.batches(source, is_used))
        no_tiles = np.zeros((0, self._class_count), np.float32)
        if not batches:
            return ScoredTiles(np.zeros((0, 2), np.int64), no_tiles)
        images, coordinates = zip(*batches, strict=True)
        found = {name: values.numpy()[0] for name, values in self._outputs_of(np.concatenate(images)).items()}
        return ScoredTiles(
            np.concatenate(coordinates),
            found.get("tile_scores", no_tiles),
            slide_scores=found["scores"],
            attention=found["attention"],
        )
