"""Models of features in memory, whatever engine runs them; engines are imported when they are asked for."""

from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.inference.model_file import engine_of
from slidemill.onnx_session import Provider
from slidemill.training.description import ModelDescription


class FeatureModel(Protocol):
    """A model of features in memory, for one thread at a time."""

    def scores(self, features: np.ndarray) -> np.ndarray:
        """Score tiles, each for itself: (n, dimension) float32, at least one, to (n, classes) float32."""
        ...


class BagModel(Protocol):
    """A model of bags of features in memory, for one thread at a time."""

    def outputs(self, features: np.ndarray) -> dict[str, np.ndarray]:
        """Score a bag.

        Args:
            features: (n, dimension) float32, of all its tiles; at least one.

        Returns:
            "scores" (classes), "attention" (n) and, where the model has them, "tile_scores" (n, classes); all float32.
        """
        ...


def load_feature_model(
    model_file: Path,
    description: ModelDescription,
    *,
    threads: int,
    provider: Provider = "auto",
) -> FeatureModel:
    """Load a model of the features of tiles.

    Args:
        model_file: model.keras or model.onnx.
        description: of the model, whose method is "probe".
        threads: CPU threads.
        provider: what runs ONNX.
    """
    if engine_of(model_file) == "onnx":
        from slidemill.inference.onnx_model import OnnxFeatureModel

        return OnnxFeatureModel(model_file, threads=threads, provider=provider)
    from slidemill.inference.keras_feature_model import KerasFeatureModel

    return KerasFeatureModel(model_file, description, threads=threads)


def load_bag_model(
    model_file: Path,
    description: ModelDescription,
    *,
    threads: int,
    provider: Provider = "auto",
) -> BagModel:
    """Load a model of bags; as `load_feature_model`, for the method "mil"."""
    if engine_of(model_file) == "onnx":
        from slidemill.inference.onnx_model import OnnxModel

        return OnnxModel(model_file, threads=threads, provider=provider)
    from slidemill.inference.keras_feature_model import KerasBagModel

    return KerasBagModel(model_file, description, threads=threads)
