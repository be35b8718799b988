"""From the bytes of a stored tile to the model's input."""

from dataclasses import dataclass

from slidemill.training.backend import tf
from slidemill.training.parameters import InputFit
from slidemill.training.stain import jitter_stains
from slidemill.units import TilePixels

# Scales at which a JPEG can be decoded by leaving out its higher frequencies, which costs a fraction of the time.
_JPEG_RATIOS = (8, 4, 2, 1)


@dataclass(frozen=True, slots=True)
class TileShape:
    """Sides of a tile.

    Attributes:
        stored: of the JPEG image.
        model: of the model's input, pixels.
        fit: whether the tile is resized to the model's input or a part of it is cut out.
    """

    stored: TilePixels
    model: int
    fit: InputFit = "resize"


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How train tiles are changed at random. Flips and right-angle rotations are always among it.

    Attributes:
        colour_jitter: strength of the colour jitter, see `jitter_stains`.
    """

    colour_jitter: float = 0.0


def decode_tile(jpeg: tf.Tensor, shape: TileShape, *, corner: tf.Tensor | None = None) -> tf.Tensor:
    """Decode a JPEG tile at the size of the model's input.

    To be resized, the image is decoded at the smallest of the scales 1/8, 1/4, 1/2 and 1 that is not below the model's
    input. The decoder reaches a scale by leaving out the frequencies above it, so nothing is aliased. What is left, a
    factor of less than two, is interpolated between neighbours: no pixel is skipped, and on real tissue the result is
    as near to a Lanczos filter as the mean over areas, in half the time (docs/benchmarks.md). Tiles at least 16 times
    as large are averaged over areas. To be cropped, only the part that is kept is decoded.

    Training, validation and prediction all decode here, so that a model sees the same pixels in all of them.

    Args:
        jpeg: (), string.
        shape: sides of the tile and of the result.
        corner: (2,) int32, y and x of a crop; its middle where it is None.

    Returns:
        (side, side, 3) float32, RGB of 0 to 255.
    """
    if shape.fit == "crop":
        return _cropped(jpeg, shape, corner)
    ratio = next((r for r in _JPEG_RATIOS if shape.stored >= r * shape.model), 1)
    decoded_side = -(-shape.stored // ratio)
    image = tf.io.decode_jpeg(jpeg, channels=3, ratio=ratio)
    image = tf.ensure_shape(image, (decoded_side, decoded_side, 3))
    if decoded_side == shape.model:
        return tf.cast(image, tf.float32)
    method = "area" if decoded_side >= 2 * shape.model else "bilinear"
    return tf.image.resize(image, (shape.model, shape.model), method=method)


def augmented_tile(jpeg: tf.Tensor, shape: TileShape, augmentation: Augmentation, seed: tf.Tensor) -> tf.Tensor:
    """Decode a tile and change it at random: part (of a crop), orientation, colours; tissue has no top and no left.

    Args:
        jpeg, shape: as for `decode_tile`.
        augmentation: how.
        seed: (2,) int64; the result follows from it.
    """
    corner_seed, orientation_seed, colour_seed = tf.unstack(tf.random.split(seed, 3))
    corner = (
        tf.random.stateless_uniform([2], corner_seed, 0, shape.stored - shape.model + 1, tf.int32)
        if (shape.fit == "crop")
        else None
    )
    image = decode_tile(jpeg, shape, corner=corner)
    return jitter_stains(_turned(image, orientation_seed), augmentation.colour_jitter, colour_seed)


def _turned(image: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """One of the eight flips and right-angle rotations."""
    flipped, mirrored, transposed = tf.unstack(tf.random.stateless_uniform([3], seed) < 0.5)
    image = tf.cond(flipped, lambda: tf.reverse(image, [0]), lambda: image)
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    return tf.cond(transposed, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)


def _cropped(jpeg: tf.Tensor, shape: TileShape, corner: tf.Tensor | None) -> tf.Tensor:
    if corner is None:
        corner = tf.fill([2], (shape.stored - shape.model) // 2)
    window = tf.concat([corner, tf.fill([2], shape.model)], axis=0)
    stored = tf.image.extract_jpeg_shape(jpeg)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(stored[:2], [shape.stored] * 2, "not of the planned size")]
    ):
        image = tf.image.decode_and_crop_jpeg(jpeg, window, channels=3)
    return tf.cast(tf.ensure_shape(image, (shape.model, shape.model, 3)), tf.float32)
