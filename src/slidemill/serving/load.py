"""Finds the model to serve, and loads it whatever its method."""

from pathlib import Path

from slidemill.inference.model_file import describe
from slidemill.onnx_session import Provider
from slidemill.serving.options import ServingOptions
from slidemill.serving.pixel_models import PixelBagModel, PixelModel
from slidemill.serving.served_model import ServedModel
from slidemill.training.description import ModelFileError


def find_model(path: Path) -> Path:
    """The model file that a path means: itself, or what a folder holds, as SageMaker unpacks a model.

    Raises:
        ModelFileError: there is none.
    """
    if not path.is_dir():
        return path
    for name in ("model.keras", "model.onnx"):
        if (path / name).is_file():
            return path / name
    raise ModelFileError(path, "the folder holds neither model.keras nor model.onnx")


def load_served_model(
    model_file: Path, options: ServingOptions, *, threads: int, provider: Provider = "auto"
) -> ServedModel:
    """Load a model of any method.

    Args:
        model_file: the model.
        options: have the files of its encoder, where it takes features.
        threads: CPU threads.
        provider: what runs a model.onnx.

    Raises:
        ModelFileError: it is missing, damaged, or has no description.
        ConfigError: it runs in another environment.
        ProviderMissingError: what is to run it is not there.
        EncoderError, EncoderFileError, DeviceError: its encoder is not known, not there, or another one.
    """
    description = describe(model_file)
    if description.method == "tiles":
        return PixelModel(model_file, description, threads=threads, provider=provider)
    if description.encoder is None:
        return PixelBagModel(model_file, description, threads=threads, provider=provider)
    from slidemill.serving.feature_model import FeatureModel

    return FeatureModel(model_file, description, options.encoders, threads=threads, provider=provider)
