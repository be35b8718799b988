"""A model of bags of pixels that Keras runs; imports TensorFlow."""

from pathlib import Path

import numpy as np

import slidemill.mil.model
import slidemill.mil.tile_networks  # noqa: F401 - both name layers that the file is made of
from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.classifier.tiles import decoded_tiles, model_input
from slidemill.training.backend import as_graph, configure, tf
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import load_model


class KerasPixelBagModel:
    """model.keras in memory; see `slidemill.inference.pixel_bag_model.PixelBagModel`."""

    def __init__(self, model_file: Path, description: ModelDescription, *, threads: int) -> None:
        """Load the model.

        Args:
            model_file: model.keras.
            description: of the model.
            threads: CPU threads.
        """
        configure(threads)
        shape = shape_of_tiles(description)
        model = load_model(model_file)

        def outputs_of(images: tf.Tensor) -> dict[str, tf.Tensor]:
            tiles = model_input(images, shape)[None]
            outputs: dict[str, tf.Tensor] = model({"tiles": tiles, "mask": tf.ones(tf.shape(tiles)[:2], tf.bool)})
            return outputs

        self._outputs_of = as_graph(outputs_of, input_signature=[decoded_tiles(shape)])

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score a bag."""
        return {name: values.numpy()[0] for name, values in self._outputs_of(images).items()}
