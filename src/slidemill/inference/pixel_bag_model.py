"""Models of bags of pixels in memory, whatever engine runs them; engines are imported when they are asked for."""

from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.inference.model_file import engine_of
from slidemill.onnx_session import Provider
from slidemill.training.description import ModelDescription


class PixelBagModel(Protocol):
    """A model of bags of pixels in memory, for one thread at a time."""

    def outputs(self, images: np.ndarray) -> dict[str, np.ndarray]:
        """Score a bag.

        Args:
            images: (n, side, side, 3) uint8 RGB, of all its tiles as they are decoded for the model; at least one.

        Returns:
            As `slidemill.inference.feature_model.BagModel`.
        """
        ...


def load_pixel_bag_model(
    model_file: Path,
    description: ModelDescription,
    *,
    threads: int,
    provider: Provider = "auto",
) -> PixelBagModel:
    """Load a model of bags of pixels.

    Args:
        model_file: model.keras or model.onnx.
        description: of the model, whose method is "mil" and which has no encoder.
        threads: CPU threads.
        provider: what runs ONNX.
    Raises:
        ModelFileError: ONNX Runtime cannot load the model.
        ProviderMissingError: the provider is not there.
    """
    if engine_of(model_file) == "onnx":
        from slidemill.inference.onnx_model import OnnxModel

        return OnnxModel(model_file, threads=threads, provider=provider, divides_calls=True)
    from slidemill.inference.keras_pixel_bag_model import KerasPixelBagModel

    return KerasPixelBagModel(model_file, description, threads=threads)
