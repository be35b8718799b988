"""Computations over the tiles of padded bags, to which padding adds nothing.

Sums over tiles are matrix products: their terms are added in the same order however many zeros follow (on CPUs, where
lengths are multiples of 16), which other sums of TensorFlow do not promise. So a bag has the same float32 bits with
and without padding; tests hold it.
"""

from slidemill.training.backend import keras

ops = keras.ops

_FAR_BELOW = -1e30  # of a logit; its exponential is exactly 0


def softmax_over_tiles(logits: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
    """Softmax over the last axis, in float32; exactly 0 where there is no tile.

    Args:
        logits: (..., tiles).
        mask: (..., tiles) bool, of as many axes; at least one tile in each row.
    """
    present = ops.cast(mask, "float32")
    logits = ops.where(mask, ops.cast(logits, "float32"), _FAR_BELOW)
    exponentials = ops.exp(logits - ops.max(logits, axis=-1, keepdims=True)) * present
    return exponentials / sum_over_tiles(exponentials)


def sum_over_tiles(values: keras.KerasTensor) -> keras.KerasTensor:
    """Sum over the last axis, which is kept: (..., tiles) to (..., 1)."""
    flat = values[..., None, :]
    return ops.matmul(flat, ops.swapaxes(ops.ones_like(flat), -1, -2))[..., 0]


def weighted_sum(weights: keras.KerasTensor, tiles: keras.KerasTensor) -> keras.KerasTensor:
    """The sum of tiles, each times its weight, in float32.

    Args:
        weights: (bags, tiles) float32, 0 where there is no tile.
        tiles: (bags, tiles, width), finite also where there is none.

    Returns:
        (bags, width).
    """
    return ops.cast(ops.matmul(ops.cast(weights, tiles.dtype)[:, None, :], tiles)[:, 0], "float32")
