"""A model of tiles in memory, whatever engine runs it; engines are imported when they are asked for."""

from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.classifier.tile_shape import TileShape
from slidemill.inference.model_file import engine_of
from slidemill.onnx_session import Provider
from slidemill.training.description import ModelDescription


class TileModel(Protocol):
    """A model of tiles in memory, for one thread at a time.

    Attributes:
        description: of the model.
        shape: sides of the tiles that it takes.
    """

    description: ModelDescription
    shape: TileShape

    def scores(self, images: np.ndarray) -> np.ndarray:
        """Score decoded tiles.

        Args:
            images: (tiles, shape.decoded, shape.decoded, 3) uint8, RGB; at least one.

        Returns:
            (tiles, classes) float32, softmax scores.
        """
        ...


def load_tile_model(
    model_file: Path,
    description: ModelDescription,
    *,
    threads: int,
    provider: Provider = "auto",
) -> TileModel:
    """Load a model of tiles.

    Args:
        model_file: model.keras or model.onnx.
        description: of the model, whose method is "tiles".
        threads: CPU threads.
        provider: what runs ONNX.

    Raises:
        ModelFileError: ONNX Runtime cannot load the model.
        ProviderMissingError: the provider is not there.
    """
    if engine_of(model_file) == "onnx":
        from slidemill.inference.onnx_model import OnnxTileModel

        return OnnxTileModel(model_file, description, threads=threads, provider=provider)
    from slidemill.inference.keras_tile_model import KerasTileModel

    return KerasTileModel(model_file, description, threads=threads)
