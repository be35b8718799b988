"""From the bytes of a stored tile to the pixels that `slidemill.classifier.tiles.decode_tile` gives; no TensorFlow.

So nobody waits for TensorFlow who scores by ONNX Runtime; and decoding takes half of what it takes in `tf.data`.
"""

import numpy as np
import simplejpeg

from slidemill.classifier.tile_shape import TileShape


class DamagedJpegError(ValueError):
    """Bytes that are no whole JPEG image."""


def decode_pixels(image: bytes, shape: TileShape) -> np.ndarray:
    """Decode a JPEG tile as far as the decoder brings it to a model's input.

    Args:
        image: JPEG of any sides, in colour or grey.
        shape: sides of the model's tiles.

    Returns:
        (shape.decoded, shape.decoded, 3) uint8, RGB, if its sides are those of the shape; the pixels of `decode_tile`,
        bit by bit.

    Raises:
        DamagedJpegError: it is none.
    """
    if shape.fit == "crop":
        return _crop(image, shape)
    try:
        # The decoder of TensorFlow uses the fast transform, whose pixels differ by a few grey levels.
        pixels = simplejpeg.decode_jpeg(
            image,
            "RGB",
            fastdct=True,
            min_factor=shape.jpeg_ratio,
            min_height=shape.decoded,
            min_width=shape.decoded,
        )
    except (ValueError, RuntimeError) as error:
        raise DamagedJpegError(str(error)) from error
    return np.asarray(pixels)


def _crop(image: bytes, shape: TileShape) -> np.ndarray:
    """A crop's colours depend at its border on how much is decoded around it, and so on the decoder."""
    from slidemill.classifier.tiles import decode_tile
    from slidemill.training.backend import tf

    try:
        with tf.device("CPU"):
            pixels: np.ndarray = decode_tile(tf.constant(image), shape).numpy()
    except tf.errors.InvalidArgumentError as error:
        raise DamagedJpegError(" ".join(error.message.split())) from error
    return pixels
