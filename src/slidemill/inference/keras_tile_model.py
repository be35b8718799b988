"""A model of tiles that Keras runs; imports TensorFlow."""

from pathlib import Path

import numpy as np

from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.classifier.tiles import decoded_tiles, model_input
from slidemill.training.backend import as_graph, configure
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import load_model


class KerasTileModel:
    """model.keras in memory; see `TileModel`."""

    def __init__(self, model_file: Path, description: ModelDescription, *, threads: int) -> None:
        """Load the model.

        Args:
            model_file: model.keras.
            description: of the model.
            threads: CPU threads.
        """
        configure(threads)
        self.description = description
        self.shape = shape_of_tiles(description)
        model = load_model(model_file)
        self._scores_of = as_graph(
            lambda images: model(model_input(images, self.shape), training=False),
            input_signature=[decoded_tiles(self.shape)],
        )

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Score decoded tiles."""
        scores: np.ndarray = self._scores_of(images).numpy()
        return scores
