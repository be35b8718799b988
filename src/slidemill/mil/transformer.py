"""A transformer over the tiles of a bag whose memory grows with the number of tiles and not with its square.

Tiles do not look at each other but at a few learned points, which look at all tiles: an induced set attention block.
A class token then looks at the tiles, and is the bag. For n tiles, m points and h heads the largest array has
n * m * h numbers: 100,000 tiles, 16 points and 4 heads are 26 MB.

Source: Lee et al. 2019, Set Transformer: a framework for attention-based permutation-invariant neural networks, ICML;
the class token is its pooling by one seed vector. Normalisation comes before each part (Xiong et al. 2020, On layer
normalization in the transformer architecture, ICML).
"""

from typing import Any

from slidemill.mil.padded import softmax_over_tiles
from slidemill.mil.poolings import Pooled, registered
from slidemill.training.backend import keras

ops = keras.ops

HEADS = 4
POINTS = 16


@registered
class CrossAttention(keras.layers.Layer):
    """Queries look at items: attention with several heads, then a network of two layers, each added to its input."""

    def __init__(self, width: int, heads: int = HEADS, **options: Any) -> None:
        """Make the layer.

        Args:
            width: of queries and items; a multiple of `heads`.
            heads: number of attentions side by side.
            options: of a Keras layer.
        """
        super().__init__(**options)
        self.width = width
        self.heads = heads
        policy = self.dtype_policy
        # The bias of keys would add the same to all items, of which softmax sees nothing.
        self.projections = {
            name: keras.layers.Dense(width, use_bias=name != "key", name=f"{name}_projection", dtype=policy)
            for name in ("query", "key", "value", "output")
        }
        self.norms = {
            name: keras.layers.LayerNormalization(name=f"{name}_norm", dtype=policy)
            for name in ("queries", "items", "sum")
        }
        self.wide = keras.layers.Dense(2 * width, activation="gelu", name="wide", dtype=policy)
        self.narrow = keras.layers.Dense(width, name="narrow", dtype=policy)

    def build(self, queries_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        shape = (*queries_shape[:-1], self.width)
        for part in (*self.projections.values(), *self.norms.values(), self.wide):
            part.build(shape)
        self.narrow.build((*shape[:-1], 2 * self.width))

    def call(self, queries: keras.KerasTensor, items: keras.KerasTensor, mask: keras.KerasTensor) -> Pooled:
        """Changed queries, (bags, queries, width), and attention, (bags, heads, queries, items) float32.

        Args:
            queries: (bags, queries, width).
            items: (bags, items, width).
            mask: (bags, items) bool, where there is one.
        """
        seen = self.norms["items"](items)
        query = self._by_head("query", self.norms["queries"](queries))
        key, value = self._by_head("key", seen), self._by_head("value", seen)
        logits = ops.matmul(query, ops.swapaxes(key, -1, -2)) * (self.width // self.heads) ** -0.5
        attention = softmax_over_tiles(logits, mask[:, None, None, :])
        found = ops.matmul(ops.cast(attention, value.dtype), value)
        found = ops.reshape(ops.swapaxes(found, 1, 2), ops.shape(queries))
        result = queries + self.projections["output"](found)
        return result + self.narrow(self.wide(self.norms["sum"](result))), attention

    def _by_head(self, name: str, values: keras.KerasTensor) -> keras.KerasTensor:
        """(bags, heads, values, width of a head)."""
        bags, count, _ = ops.shape(values)
        projected = self.projections[name](values)
        return ops.swapaxes(ops.reshape(projected, (bags, count, self.heads, self.width // self.heads)), 1, 2)

    def get_config(self) -> dict[str, Any]:
        """What the layer was made with."""
        return super().get_config() | {"width": self.width, "heads": self.heads}


@registered
class LearnedVectors(keras.layers.Layer):
    """Learned vectors, the same for each bag."""

    def __init__(self, count: int, width: int, **options: Any) -> None:
        """Make the layer.

        Args:
            count: of vectors.
            width: of each.
            options: of a Keras layer.
        """
        super().__init__(**options)
        self.count = count
        self.width = width

    def build(self, _: tuple[int | None, ...]) -> None:
        """Make the vectors."""
        self.vectors = self.add_weight(
            shape=(self.count, self.width), initializer=keras.initializers.GlorotUniform(), name="vectors"
        )

    def call(self, tiles: keras.KerasTensor) -> keras.KerasTensor:
        """(bags, count, width)."""
        vectors = ops.cast(self.vectors, self.compute_dtype)
        return ops.broadcast_to(vectors[None], (ops.shape(tiles)[0], self.count, self.width))

    def get_config(self) -> dict[str, Any]:
        """What the layer was made with."""
        return super().get_config() | {"count": self.count, "width": self.width}


@registered
class ClassToken(keras.layers.Layer):
    """The one query of the last attention is the bag."""

    def call(self, token: keras.KerasTensor, attention: keras.KerasTensor) -> Pooled:
        """(bags, width) float32, and the mean of the heads' attention, (bags, tiles) float32.

        Args:
            token: (bags, 1, width).
            attention: (bags, heads, 1, tiles).
        """
        return ops.cast(token[:, 0], "float32"), ops.mean(attention[:, :, 0], axis=1)


def transformer_pooling(tiles: keras.KerasTensor, mask: keras.KerasTensor, *, width: int) -> Pooled:
    """The bag as its class token, (bags, width), and how much that looks at each tile, (bags, tiles).

    Args:
        tiles: (bags, tiles, any width).
        mask: (bags, tiles) bool.
        width: of the transformer; a multiple of `HEADS`.
    """
    tiles = keras.layers.Dense(width, name="transformer_input")(tiles)
    points = LearnedVectors(POINTS, width, name="points")(tiles)
    points, _ = CrossAttention(width, name="points_look_at_tiles")(points, tiles, mask)
    tiles, _ = CrossAttention(width, name="tiles_look_at_points")(tiles, points, AllPresent(name="all_points")(points))
    token = LearnedVectors(1, width, name="class_token")(tiles)
    token, attention = CrossAttention(width, name="token_looks_at_tiles")(token, tiles, mask)
    return ClassToken(name="bag", dtype="float32")(token, attention)


@registered
class AllPresent(keras.layers.Layer):
    """A mask of vectors that are all there."""

    def call(self, vectors: keras.KerasTensor) -> keras.KerasTensor:
        """(bags, count) bool, from (bags, count, width)."""
        return ops.ones(ops.shape(vectors)[:2], dtype="bool")
