"""Random changes of train tiles: where a crop lies, orientation, colours.

The random numbers of a tile are drawn where it is read; what is computed with them is computed for whole batches, on
the device that computes the model, so that threads that read tiles do nothing but decode.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

from slidemill.classifier.stain import jitter_stains
from slidemill.classifier.tile_shape import TileShape
from slidemill.training.backend import as_graph, tf

# Of the random numbers of a tile, what each is for.
_CORNER = slice(0, 2)
_ORIENTATION = slice(2, 5)
_STAINS = slice(5, 11)
DRAWS = 11


@dataclass(frozen=True, slots=True)
class Augmentation:
    """How train tiles are changed at random. Flips and right-angle rotations are always among it.

    Attributes:
        colour_jitter: strength of the colour jitter, see `jitter_stains`.
    """

    colour_jitter: float = 0.0


def draw(seed: tf.Tensor) -> tf.Tensor:
    """The random numbers of a tile, (DRAWS,) float32 from 0 to below 1; they follow from a seed, (2,) int64."""
    return tf.random.stateless_uniform([DRAWS], seed)


def random_corner(draws: tf.Tensor, shape: TileShape) -> tf.Tensor:
    """Where the part of a tile lies that a crop keeps, (2,) int32, y and x; every place is equally probable.

    Args:
        draws: (DRAWS,), of the tile.
        shape: sides of the tile and of the part.
    """
    return tf.cast(draws[_CORNER] * (shape.stored - shape.model + 1), tf.int32)


def augmented(images: tf.Tensor, augmentation: Augmentation, draws: tf.Tensor) -> tf.Tensor:
    """Turn tiles and change their colours, each by its own random numbers; tissue has no top and no left.

    Args:
        images: (batch, side, side, 3) float32, RGB of 0 to 255.
        augmentation: how.
        draws: (batch, DRAWS), of each tile.

    Returns:
        As `images`.
    """
    images = _compiled(_turned)(images, draws[:, _ORIENTATION])
    if augmentation.colour_jitter == 0.0:
        return images
    return _compiled(jitter_stains)(images, augmentation.colour_jitter, draws[:, _STAINS])


@cache
def _compiled(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    """Let XLA make one pass over the pixels of an arithmetic function, in a third of the time on a CPU.

    GPUs have memory fast enough for a pass for each operation, and are not made to wait for a compiler.
    """
    return as_graph(function, jit_compile=not tf.config.list_physical_devices("GPU"))


def _turned(images: tf.Tensor, draws: tf.Tensor) -> tf.Tensor:
    """One of the eight flips and right-angle rotations of each image, by the places from which its pixels come."""
    # In 64 bits, because TensorFlow computes with 32-bit integers on the CPU, also where there is a GPU.
    batch, side = tf.shape(images, tf.int64)[0], images.shape[1]
    flipped, mirrored, transposed = (draws[:, number, None] < 0.5 for number in range(3))
    forwards = tf.range(side, dtype=tf.int64)[None]
    backwards = side - 1 - forwards
    rows = tf.where(flipped, backwards, forwards) * side
    columns = tf.where(mirrored, backwards, forwards)
    along_y, along_x = tf.where(transposed, columns, rows), tf.where(transposed, rows, columns)
    starts = tf.range(batch)[:, None, None] * side**2
    return tf.gather(tf.reshape(images, (-1, 3)), starts + along_y[:, :, None] + along_x[:, None, :])
