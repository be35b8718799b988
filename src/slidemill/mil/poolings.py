"""From the tiles of a bag to the bag: one vector, and the share that each tile has in it.

Every pooling takes tiles (bags, tiles, width) and a mask (bags, tiles) and gives (bags, width) float32 and attention
(bags, tiles) float32, which adds up to 1 over the tiles of a bag and is 0 where there is none.
"""

from typing import Any

from slidemill.mil.padded import softmax_over_tiles, sum_over_tiles, weighted_sum
from slidemill.training.backend import keras, tf

ops = keras.ops
registered = keras.saving.register_keras_serializable(package="slidemill")

Pooled = tuple[keras.KerasTensor, keras.KerasTensor]


@registered
class TileAttention(keras.layers.Layer):
    """How much each tile counts: a small network of the tile, and a softmax over the bag.

    Source: Ilse, Tomczak and Welling 2018, Attention-based deep multiple instance learning, ICML, equations 8 and 9
    (gated).
    """

    def __init__(self, width: int, *, gated: bool = False, **options: Any) -> None:
        """Make the layer.

        Args:
            width: of the hidden layer.
            gated: whether a sigmoid gates the hyperbolic tangent.
            options: of a Keras layer.
        """
        super().__init__(**options)
        self.width = width
        self.gated = gated
        policy = self.dtype_policy
        self.hidden = keras.layers.Dense(width, activation="tanh", name="hidden", dtype=policy)
        self.gate = keras.layers.Dense(width, activation="sigmoid", name="gate", dtype=policy) if gated else None
        # A bias would add the same to all tiles, of which softmax sees nothing.
        self.logit = keras.layers.Dense(1, use_bias=False, name="logit", dtype=policy)

    def build(self, tiles_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        self.hidden.build(tiles_shape)
        if self.gate is not None:
            self.gate.build(tiles_shape)
        self.logit.build((*tiles_shape[:-1], self.width))

    def call(self, tiles: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:
        """The attention of each tile, (bags, tiles) float32."""
        hidden = self.hidden(tiles)
        if self.gate is not None:
            hidden = hidden * self.gate(tiles)
        return softmax_over_tiles(self.logit(hidden)[..., 0], mask)

    def get_config(self) -> dict[str, Any]:
        """What the layer was made with."""
        return super().get_config() | {"width": self.width, "gated": self.gated}


@registered
class EqualAttention(keras.layers.Layer):
    """All tiles of a bag count the same."""

    def call(self, tiles: keras.KerasTensor, mask: keras.KerasTensor) -> keras.KerasTensor:  # noqa: ARG002 - as others
        """The attention of each tile, (bags, tiles) float32."""
        present = ops.cast(mask, "float32")
        return present / sum_over_tiles(present)


@registered
class WeightedMean(keras.layers.Layer):
    """The mean of the tiles, each with its attention as its weight."""

    def call(self, tiles: keras.KerasTensor, attention: keras.KerasTensor) -> keras.KerasTensor:
        """(bags, width) float32."""
        return weighted_sum(attention, tiles)


@registered
class TileMaximum(keras.layers.Layer):
    """The greatest of each value over the tiles; attention is the share of the values that a tile gives."""

    def call(self, tiles: keras.KerasTensor, mask: keras.KerasTensor) -> Pooled:
        """(bags, width) float32, and (bags, tiles) float32."""
        tiles = ops.where(mask[..., None], ops.cast(tiles, "float32"), float("-inf"))
        bags, length, width = ops.shape(tiles)
        # Of equal ones the first; a scatter, because a one-hot vector for each value would be as large as the tiles.
        places = tf.argmax(tiles, axis=1, output_type=tf.int32) + ops.arange(bags, dtype="int32")[:, None] * length
        shares = ops.full((bags * width,), 1.0 / width, dtype="float32")
        attention = ops.segment_sum(shares, ops.reshape(places, (-1,)), num_segments=bags * length)
        return ops.max(tiles, axis=1), ops.reshape(attention, (bags, length))
