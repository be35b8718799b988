"""Models of features that Keras runs; imports TensorFlow."""

from pathlib import Path

import numpy as np

import slidemill.mil.model  # noqa: F401 - names the layers that the file is made of
from slidemill.training.backend import as_graph, configure, tf
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import load_model


class KerasFeatureModel:
    """A model of the features of tiles; see `FeatureModel`."""

    def __init__(self, model_file: Path, description: ModelDescription, *, threads: int) -> None:
        """Load the model.

        Args:
            model_file: model.keras.
            description: of the model.
            threads: CPU threads.
        """
        configure(threads)
        model = load_model(model_file)
        any_tiles = tf.TensorSpec((None, _dimension(description)), tf.float32)
        self._scores_of = as_graph(lambda features: model(features, training=False), input_signature=[any_tiles])

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score tiles."""
        return self._scores_of(features).numpy()


class KerasBagModel:
    """A model of bags of features; see `BagModel`."""

    def __init__(self, model_file: Path, description: ModelDescription, *, threads: int) -> None:
        """Load the model; as `KerasFeatureModel`."""
        configure(threads)
        model = load_model(model_file)
        any_bag = {
            "tiles": tf.TensorSpec((1, None, _dimension(description)), tf.float32),
            "mask": tf.TensorSpec((1, None), tf.bool),
        }
        self._outputs_of = as_graph(lambda bag: model(bag, training=False), input_signature=[any_bag])

    def outputs(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Score a bag."""
        outputs = self._outputs_of({"tiles": features[None], "mask": tf.ones((1, len(features)), tf.bool)})
        return {name: values.numpy()[0] for name, values in outputs.items()}


def _dimension(description: ModelDescription) -> int:
    assert description.encoder is not None  # noqa: S101 - the description is of a model that takes features
    return description.encoder.dimension
