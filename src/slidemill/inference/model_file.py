"""The two files of a model: model.keras, and the model.onnx that was made of it."""

from pathlib import Path
from typing import Literal

from slidemill.training.description import ModelDescription, read_description

Engine = Literal["keras", "onnx"]


def engine_of(model_file: Path) -> Engine:
    """What runs a model file, by its name."""
    return "onnx" if model_file.suffix == ".onnx" else "keras"


def describe(model_file: Path) -> ModelDescription:
    """Read the description of a model of either kind; imports neither TensorFlow nor onnxruntime.

    Raises:
        ModelFileError: the file is missing, damaged, or has no description.
    """
    if engine_of(model_file) == "keras":
        return read_description(model_file)
    from slidemill.inference.onnx_file import read_facts

    return read_facts(model_file).description
