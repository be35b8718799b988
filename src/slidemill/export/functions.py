"""A model as a function with named inputs and outputs, all that comes before the network inside; imports TensorFlow."""

from collections.abc import Callable
from typing import Any

import numpy as np

from slidemill.classifier.tile_shape import TileShape, shape_of_tiles
from slidemill.classifier.tiles import model_input
from slidemill.training.backend import keras, tf
from slidemill.training.description import ModelDescription

Outputs = dict[str, tf.Tensor]


def model_function(model: keras.Model, description: ModelDescription) -> tuple[Callable[..., Outputs], tf.TensorSpec]:
    """The function that is exported, and its input.

    Args:
        model: computes in float32.
        description: of the model.
    Returns:
        For a tile classifier from "tiles", (n, side, side, 3) uint8 RGB, to "scores" (n, classes); where tiles are
        decoded at a fraction of their size, or cropped, they may also come whole. For a probe from "features",
        (n, dimension) float32, to "scores" (n, classes). For a model of bags from "features" of the tiles of one bag,
        at least one, or from their "tiles" as above, to "scores" (classes), "attention" (n) and, where it has them,
        "tile_scores" (n, classes).
    """
    if description.encoder is None:
        shape = shape_of_tiles(description)
        side = None if _takes_whole_tiles(shape) else shape.decoded
        tiles = tf.TensorSpec((None, side, side, 3), tf.uint8, name="tiles")
        if description.method == "mil":
            return lambda tiles: _of_one_bag(model, fitted(tiles, shape)), tiles
        return lambda tiles: {"scores": model(fitted(tiles, shape), training=False)}, tiles
    features = tf.TensorSpec((None, description.encoder.dimension), tf.float32, name="features")
    if description.method == "probe":
        return lambda features: {"scores": model(features, training=False)}, features
    return lambda features: _of_one_bag(model, features), features


def in_float32(model: keras.Model) -> keras.Model:
    """The model with the same weights whose layers compute in float32, as ONNX on CPUs has to."""
    config, has_changed = _with_float32(keras.saving.serialize_keras_object(model))
    if not has_changed:
        return model
    changed = keras.saving.deserialize_keras_object(config)
    changed.set_weights(model.get_weights())
    return changed


def fitted(tiles: tf.Tensor, shape: TileShape) -> tf.Tensor:
    """Bring tiles, decoded as for the model or whole, to the model's input: (n, model, model, 3) float32.

    Whole tiles are averaged to the size at which they would have been decoded.
    """
    if shape.fit == "crop":
        start = (tf.shape(tiles)[1] - shape.model) // 2
        middle = tiles[:, start : start + shape.model, start : start + shape.model]
        return tf.cast(tf.ensure_shape(middle, (None, shape.model, shape.model, 3)), tf.float32)
    images = tf.cast(tiles, tf.float32)
    if _takes_whole_tiles(shape):
        ratio = tf.shape(tiles)[1] // shape.decoded
        boxes = tf.reshape(images, tf.stack([tf.shape(tiles)[0], shape.decoded, ratio, shape.decoded, ratio, 3]))
        images = tf.ensure_shape(tf.reduce_mean(boxes, axis=[2, 4]), (None, shape.decoded, shape.decoded, 3))
    if shape.decoded >= 2 * shape.model:  # the converter takes means over areas for something else
        areas = tf.constant(_areas(shape.decoded, shape.model))
        return tf.einsum("ri,nijc,sj->nrsc", areas, images, areas)
    return model_input(images, shape)


def _takes_whole_tiles(shape: TileShape) -> bool:
    return shape.fit == "crop" or (shape.jpeg_ratio > 1 and shape.stored % shape.jpeg_ratio == 0)


def _areas(source: int, target: int) -> np.ndarray:
    """The share of each of `source` pixels in each of the `target` that they become: (target, source) float32."""
    edges = np.arange(target + 1) * source / target
    first, last = edges[:-1, None], edges[1:, None]
    pixel = np.arange(source)[None]
    overlap = np.clip(np.minimum(last, pixel + 1) - np.maximum(first, pixel), 0.0, None)
    return (overlap * target / source).astype(np.float32)


def _of_one_bag(model: keras.Model, tiles: tf.Tensor) -> Outputs:
    bag = {"tiles": tiles[None], "mask": tf.ones((1, tf.shape(tiles)[0]), tf.bool)}
    return {name: values[0] for name, values in model(bag, training=False).items()}


def _with_float32(value: Any) -> tuple[Any, bool]:
    """A serialised object in which every policy of half precision is that of float32, and whether there was one."""
    if isinstance(value, dict):
        if value.get("class_name") == "DTypePolicy" and value["config"]["name"].startswith("mixed_"):
            return value | {"config": value["config"] | {"name": "float32"}}, True
        changed = {key: _with_float32(own) for key, own in value.items()}
        return {key: own for key, (own, _) in changed.items()}, any(is_new for _, is_new in changed.values())
    if isinstance(value, list | tuple):
        parts = [_with_float32(own) for own in value]
        return type(value)(own for own, _ in parts), any(is_new for _, is_new in parts)
    return value, False
