"""A tile classifier for TensorFlow Serving: from JPEG files to scores; imports TensorFlow."""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from slidemill.atomic_folder import atomic_folder
from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.classifier.tiles import decode_tile, model_input
from slidemill.errors import SlidemillError
from slidemill.export.check_slides import CheckSlide
from slidemill.export.drift import Outputs, check_same_scores
from slidemill.export.own_scores import Exported, score_check_tiles
from slidemill.tiling.quality import QualityFlag
from slidemill.training.backend import as_graph, configure, keras, tf, unconverted
from slidemill.training.description import Method, ModelDescription, read_description

VERSION = "1"  # TensorFlow Serving takes the highest number below the folder of a model
_INPUT = "image_bytes"  # a name that ends so is told to be base64 in JSON

_log = logging.getLogger(__name__)


class NotOfTilesError(SlidemillError):
    """A model that takes no pixels, from which a server could make nothing of a JPEG file."""

    def __init__(self, method: Method) -> None:
        super().__init__(method)
        self.method = method

    def __str__(self) -> str:
        return (
            f"a model of method {self.method} takes features, and TensorFlow Serving gets JPEG files. Export it by "
            "export_onnx."
        )


def export_savedmodel(
    model_file: Path,
    slides: Sequence[CheckSlide],
    *,
    exclude: Collection[QualityFlag] = (),
    output: Path,
    threads: int = 1,
) -> None:
    """Write a model as a SavedModel whose signature takes tiles as JPEG files.

    Args:
        model_file: model.keras, of method "tiles".
        slides: on whose tiles it is checked against the model.
        exclude: tiles with one of these flags are left out.
        output: folder of the model, which gets a folder with its version.
        threads: CPU threads.
    Raises:
        NotOfTilesError: the model takes features.
        ModelFileError: the model is missing, damaged, or has no description.
        DriftError: its scores are not the model's.
        NoTilesError: there is no tile to check it on.
        SlidemillError: tiles of a slide are damaged, or not those that the model takes.
    """
    description = read_description(model_file)
    if description.method != "tiles":
        raise NotOfTilesError(description.method)
    configure(threads)
    check = score_check_tiles(model_file, description, slides, exclude)
    with atomic_folder(output) as temporary:
        version = temporary / VERSION
        _save(check.model, description, version)
        drift = check.drift(_loaded(version))
        _log.info("SavedModel: %s", drift)
        check_same_scores(drift, "the SavedModel", "Export the model by export_onnx.")


def _save(model: keras.Model, description: ModelDescription, folder: Path) -> None:
    shape = shape_of_tiles(description)
    one = tf.TensorSpec((shape.decoded, shape.decoded, 3), tf.uint8)

    def scores(image_bytes: tf.Tensor) -> dict[str, tf.Tensor]:
        images = tf.map_fn(unconverted(lambda jpeg: decode_tile(jpeg, shape)), image_bytes, fn_output_signature=one)
        return {"scores": model(model_input(images, shape), training=False)}

    served = tf.Module(name="slidemill")
    served.model = model  # whose weights are saved with it
    signature = as_graph(scores, input_signature=[tf.TensorSpec((None,), tf.string, name=_INPUT)])
    tf.saved_model.save(served, str(folder), signatures={"serving_default": signature})


def _loaded(folder: Path) -> Exported:
    """The exported model, as a program without slidemill loads it."""
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]

    def outputs(tiles: list[bytes] | np.ndarray) -> Outputs:
        return {"scores": signature(**{_INPUT: tf.constant(tiles)})["scores"].numpy()}

    return outputs
