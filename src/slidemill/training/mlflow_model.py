"""A model file as a model of MLflow, which its server shows with its signature and `mlflow.pyfunc` loads.

The layout is that of MLflow's flavor "keras" (https://mlflow.org/docs/latest/ml/deep-learning/keras/). MLflow's own
function for it would write the model anew, with other bytes than model.keras has.
"""

import platform
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from slidemill.training.description import ModelDescription

if TYPE_CHECKING:
    from mlflow.models.signature import ModelSignature

_FOLDER = "model"  # of the run's files
_DATA = "data"
_FILE = "model.keras"


@contextmanager
def mlflow_model(model_file: Path, description: ModelDescription) -> Iterator[Path]:
    """Make a temporary folder of a model file, ready to be sent.

    Args:
        model_file: of `save_model`.
        description: the one that is in it.
    """
    from mlflow.models.model import Model

    model = Model(signature=_signature(description), metadata={"classes": list(description.classes)})
    model.add_flavor(
        "keras",
        data=_DATA,
        keras_version=description.versions["keras"],
        keras_backend="tensorflow",
        save_exported_model=False,
    )
    model.add_flavor("python_function", loader_module="mlflow.keras", python_version=platform.python_version())
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary) / _FOLDER
        (folder / _DATA).mkdir(parents=True)
        (folder / _DATA / _FILE).symlink_to(model_file.absolute())  # which all of MLflow's stores follow
        requirements = [f"{name}=={description.versions[name]}" for name in ("keras", "tensorflow")]
        (folder / "requirements.txt").write_text("\n".join(requirements) + "\n")
        model.save(folder / "MLmodel")
        yield folder


def _signature(description: ModelDescription) -> "ModelSignature":
    from mlflow.models.signature import ModelSignature
    from mlflow.types.schema import Schema, TensorSpec

    any_number, values = -1, np.dtype(np.float32)
    scores = TensorSpec(values, (any_number, len(description.classes)))
    if description.method == "mil":
        tiles = TensorSpec(values, (any_number, any_number, *_shape_of_tile(description)), "tiles")
        mask = TensorSpec(np.dtype(np.bool_), (any_number, any_number), "mask")
        attention = TensorSpec(values, (any_number, any_number), "attention")
        scores = TensorSpec(values, (any_number, len(description.classes)), "scores")
        return ModelSignature(Schema([tiles, mask]), Schema([scores, attention]))
    return ModelSignature(Schema([TensorSpec(values, (any_number, *_shape_of_tile(description)))]), Schema([scores]))


def _shape_of_tile(description: ModelDescription) -> tuple[int, ...]:
    if description.encoder:
        return (description.encoder.dimension,)
    return description.input_size_px, description.input_size_px, 3
