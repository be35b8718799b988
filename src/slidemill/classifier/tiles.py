"""From the bytes of a stored tile to the model's input."""

from slidemill.classifier.tile_shape import TileShape
from slidemill.training.backend import tf


def decoded_tiles(shape: TileShape) -> tf.TensorSpec:
    """What batches of decoded tiles are, of any size."""
    return tf.TensorSpec((None, shape.decoded, shape.decoded, 3), tf.uint8)


def decode_tile(jpeg: tf.Tensor, shape: TileShape, *, corner: tf.Tensor | None = None) -> tf.Tensor:
    """Decode a JPEG tile as far as the decoder brings it to the model's input; `model_input` does the rest.

    To be resized, the image is decoded at `shape.jpeg_ratio`: the decoder reaches a scale by leaving out the
    frequencies above it, so nothing is aliased. To be cropped, only the part that is kept is decoded.

    Args:
        jpeg: (), string.
        shape: sides of the tile and of the result.
        corner: (2,) int32, y and x of a crop; its middle where it is None.

    Returns:
        (shape.decoded, shape.decoded, 3) uint8, RGB.
    """
    if shape.fit == "crop":
        image = _cropped(jpeg, shape, corner)
    else:
        image = tf.io.decode_jpeg(jpeg, channels=3, ratio=shape.jpeg_ratio)
    return tf.ensure_shape(image, (shape.decoded, shape.decoded, 3))


def model_input(images: tf.Tensor, shape: TileShape) -> tf.Tensor:
    """Bring decoded tiles to the size and type of the model's input, on the device that computes the model.

    What is left after decoding, a factor of less than two, is interpolated between neighbours: no pixel is skipped, and
    on real tissue the result is as near to a Lanczos filter as the mean over areas, in half the time
    (docs/benchmarks.md). Tiles at least 16 times as large are averaged over areas.

    Training, validation and prediction all come here, so that a model sees the same pixels in all of them.

    Args:
        images: (batch, shape.decoded, shape.decoded, 3) uint8, RGB.
        shape: sides of the tiles.

    Returns:
        (batch, shape.model, shape.model, 3) float32, RGB of 0 to 255.
    """
    # Before the filter, which GPUs have for floating point numbers only; on a CPU that costs a tenth more.
    images = tf.cast(images, tf.float32)
    if shape.decoded == shape.model:
        return images
    method = "area" if shape.decoded >= 2 * shape.model else "bilinear"
    return tf.image.resize(images, (shape.model, shape.model), method=method)


def _cropped(jpeg: tf.Tensor, shape: TileShape, corner: tf.Tensor | None) -> tf.Tensor:
    if corner is None:
        corner = tf.fill([2], (shape.stored - shape.model) // 2)
    window = tf.concat([corner, tf.fill([2], shape.model)], axis=0)
    stored = tf.image.extract_jpeg_shape(jpeg)
    with tf.control_dependencies(
        [tf.debugging.assert_equal(stored[:2], [shape.stored] * 2, "not of the planned size")]
    ):
        return tf.image.decode_and_crop_jpeg(jpeg, window, channels=3)
