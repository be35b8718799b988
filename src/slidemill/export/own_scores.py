"""What the model itself says of real tiles, and what an exported one says of the same; imports TensorFlow."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

import slidemill.mil.model
import slidemill.mil.tile_networks  # noqa: F401 - both name layers that files of models are made of
from slidemill.classifier.tile_shape import shape_of_tiles
from slidemill.classifier.tiles import decode_tile, model_input
from slidemill.export.check_slides import CheckSlide, read_jpegs, read_model_features, usable
from slidemill.export.drift import Drift, Outputs, drift_of
from slidemill.export.functions import in_float32
from slidemill.inference.feature_scoring import FeaturesOfModel
from slidemill.tiling.quality import QualityFlag
from slidemill.training.backend import keras, tf
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import load_model

_TILES_AT_ONCE = 32

# From tiles, as JPEG files or as the features that the model takes, to all outputs by name.
Exported = Callable[["list[bytes] | np.ndarray"], Outputs]


@dataclass(frozen=True, slots=True)
class CheckTiles:
    """Tiles on which an export is checked, slide by slide, and the scores that the model has for them.

    Attributes:
        description: of the model.
        model: it, computing in float32.
        inputs: for each slide its tiles, as JPEG files or as features.
        of_model: for each slide the model's outputs, see `drift_of`.
        labels: of the slides.
    """

    description: ModelDescription
    model: keras.Model
    inputs: list["list[bytes] | np.ndarray"]
    of_model: list[Outputs]
    labels: list[str | None]

    def drift(self, exported: Exported) -> Drift:
        """How far an exported model is from the model."""
        own = [exported(tiles) for tiles in self.inputs]
        return drift_of(own, self.of_model, self.labels, self.description.classes)


def score_check_tiles(
    model_file: Path, description: ModelDescription, slides: Sequence[CheckSlide], exclude: Collection[QualityFlag]
) -> CheckTiles:
    """Score tiles by the model.

    Args:
        model_file: model.keras.
        description: of the model.
        slides: on whose tiles the export is checked.
        exclude: tiles with one of these flags are left out.
    Raises:
        NoTilesError: no slide has a tile to use.
        SlidemillError: the tiles of a slide are damaged, or not those that the model takes.
    """
    checked = usable(slides, exclude, description)
    model = in_float32(load_model(model_file))
    inputs: list[list[bytes] | np.ndarray]
    if description.encoder is None:
        inputs = [read_jpegs(slide, exclude, description) for slide in checked]
    else:
        features = FeaturesOfModel(model_file, description, description.encoder)
        inputs = [read_model_features(slide, exclude, features, description.method) for slide in checked]
    of_model = [_outputs_of(model, description, tiles) for tiles in inputs]
    return CheckTiles(description, model, inputs, of_model, [slide.label for slide in checked])


def decoded(jpegs: Sequence[bytes], description: ModelDescription) -> np.ndarray:
    """Tiles decoded as the model takes them, (tiles, side, side, 3) uint8 RGB."""
    shape = shape_of_tiles(description)
    return np.stack([decode_tile(jpeg, shape).numpy() for jpeg in jpegs])


def _outputs_of(model: keras.Model, description: ModelDescription, tiles: "list[bytes] | np.ndarray") -> Outputs:
    if isinstance(tiles, list):
        tiles = model_input(decoded(tiles, description), shape_of_tiles(description))
    if description.method != "mil":
        return {"scores": _in_batches(model, tiles)}
    bag = {"tiles": tf.convert_to_tensor(tiles)[None], "mask": tf.ones((1, len(tiles)), tf.bool)}
    return {name: values.numpy()[0] for name, values in model(bag, training=False).items()}


def _in_batches(model: keras.Model, tiles: tf.Tensor) -> np.ndarray:
    starts = range(0, len(tiles), _TILES_AT_ONCE)
    return np.concatenate([model(tiles[start : start + _TILES_AT_ONCE], training=False).numpy() for start in starts])
