"""What each tile goes through before tiles are put together: layers for features, or a small network for pixels."""

from dataclasses import dataclass

import numpy as np

from slidemill.mil.tile_values import TileValues
from slidemill.training.backend import keras

_TILES_OF_A_SLIDE = 512  # enough for the mean and the spread of features
_LEAST_VARIANCE = 1e-6
_LEAST_PLACES = 5  # a side, behind the convolutions of a tile of 27 pixels


@dataclass(frozen=True, slots=True)
class FeatureStatistics:
    """What features are standardised by, so that encoders of any scale are learned from alike.

    Attributes:
        mean, variance: (dimension,) float64.
    """

    mean: np.ndarray
    variance: np.ndarray

    @classmethod
    def of(cls, values: TileValues, tile_counts: list[int]) -> "FeatureStatistics":
        """Of the train slides, each counting by its tiles; a few hundred of each, evenly spaced, are looked at.

        Args:
            values: of their tiles.
            tile_counts: of each slide.
        """
        mean, square = np.zeros(1), np.zeros(1)
        for place, count in enumerate(tile_counts):
            chosen = np.unique(np.linspace(0, count - 1, min(count, _TILES_OF_A_SLIDE)).round().astype(np.int64))
            own = values.of_slide(place, chosen).astype(np.float64)
            mean = mean + own.mean(axis=0) * count
            square = square + (own**2).mean(axis=0) * count
        total = sum(tile_counts)
        mean = mean / total
        return cls(mean, np.maximum(square / total - mean**2, 0.0))


def feature_network(
    inputs: keras.KerasTensor,
    *,
    hidden: tuple[int, ...],
    dropout: float,
    seed: int,
    statistics: FeatureStatistics | None,
) -> keras.KerasTensor:
    """Layers that each tile's features go through: (bags, tiles, dimension) to (bags, tiles, last width)."""
    x = inputs
    if statistics is not None:
        # A value that is the same for all train tiles tells nothing, and must not be blown up where it differs.
        variance = np.where(statistics.variance < _LEAST_VARIANCE, 1.0, statistics.variance)
        x = keras.layers.Normalization(
            mean=statistics.mean.tolist(), variance=variance.tolist(), name="standardisation"
        )(x)
    for number, width in enumerate(hidden, 1):
        x = keras.layers.Dense(width, activation="relu", name=f"hidden_{number}")(x)
        if dropout:
            x = keras.layers.Dropout(dropout, seed=seed + number, name=f"dropout_{number}")(x)
    return x


def pixel_network(
    inputs: keras.KerasTensor, *, side: int, hidden: tuple[int, ...], dropout: float, seed: int
) -> keras.KerasTensor:
    """Two convolutions for small tiles, then layers as for features.

    What the convolutions give of a tile of 27 pixels, for which the network was made, is 5 x 5 places. Of a larger tile
    means over squares are taken, so that 5 to 9 are left a side: else nearly all weights would be in the layer behind,
    22 million of them for 128 pixels, which learns too little from a cohort and in its time.

    Args:
        inputs: (bags, tiles, side, side, 3), RGB of 0 to 255.
        side: pixels; at least `SMALLEST_SIDE`.
        hidden: widths of the layers behind the convolutions.
        dropout: behind each of these layers.
        seed: of the dropout.

    Source: the network of Ilse, Tomczak and Welling 2018 for nuclei, after Sirinukunwattana et al. 2016, IEEE Trans Med
    Imaging 35:1196.
    """
    tile = keras.Input((side, side, 3), name="rgb")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1.0, name="rescaling")(tile)
    for number, (filters, kernel) in enumerate(((36, 4), (48, 3)), 1):
        x = keras.layers.Conv2D(filters, kernel, activation="relu", name=f"convolution_{number}")(x)
        x = keras.layers.MaxPooling2D(name=f"pool_{number}")(x)
    square = x.shape[1] // _LEAST_PLACES
    if square > 1:
        x = keras.layers.AveragePooling2D(square, name="squares")(x)
    x = keras.layers.Flatten(name="flatten")(x)
    network = keras.Model(tile, x, name="tile_network")
    return feature_network(
        EachTile(network, name="each_tile")(inputs), hidden=hidden, dropout=dropout, seed=seed, statistics=None
    )


@keras.saving.register_keras_serializable(package="slidemill")
class EachTile(keras.layers.Wrapper):
    """A network of one tile, for all tiles of all bags at once."""

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights."""
        if not self.layer.built:
            self.layer.build((None, *input_shape[2:]))
        self.built = True

    def call(self, tiles: keras.KerasTensor) -> keras.KerasTensor:
        """(bags, tiles, values), from (bags, tiles, ...)."""
        ops = keras.ops
        shape = ops.shape(tiles)
        values = self.layer(ops.reshape(tiles, (-1, *tiles.shape[2:])))
        return ops.reshape(values, (shape[0], shape[1], values.shape[-1]))
