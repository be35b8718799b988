"""The input pipeline: from a shard's records to batches of tiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from slidemill import seeds
from slidemill.errors import SlidemillError
from slidemill.training.backend import tf
from slidemill.units import TilePixels

# Scales at which a JPEG can be decoded by leaving out its higher frequencies, which costs a fraction of the time.
_JPEG_RATIOS = (8, 4, 2, 1)

# Bounds the memory of shuffling to some hundred MB of JPEG bytes; shards are written in random order anyway.
_SHUFFLED_TILES = 4096

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64),
}


Batch = tuple[tf.Tensor, tf.Tensor]


class ShardDataError(SlidemillError):
    """A shard that is missing, damaged or shorter than planned."""

    def __init__(self, shard: Path, reason: str) -> None:
        super().__init__(shard, reason)
        self.shard = shard
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.shard}: {self.reason}. Delete the shards and their plan and run again to make them anew."


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a shard: images (batch, side, side, 3) float32 of 0 to 255, and labels (batch,) int64.

    Iterating raises a ShardDataError where the shard is missing, damaged or too short.

    Attributes:
        shard: TFRecord file.
        dataset: reads it.
        count: number of batches that the dataset has to give.
    """

    shard: Path
    dataset: tf.data.Dataset
    count: int

    def __iter__(self) -> Iterator[Batch]:
        """Read from the start."""
        number = 0
        try:
            for number, batch in enumerate(self.dataset, 1):  # noqa: B007
                yield batch
        except (tf.errors.DataLossError, tf.errors.InvalidArgumentError, tf.errors.NotFoundError) as error:
            raise ShardDataError(self.shard, " ".join(error.message.split())) from error
        if number != self.count:
            raise ShardDataError(self.shard, f"gave {number} batches instead of the planned {self.count}")


@dataclass(frozen=True, slots=True)
class TileShape:
    """Sides of a tile.

    Attributes:
        stored: of the JPEG image.
        model: of the model's input, pixels.
    """

    stored: TilePixels
    model: int


def decode_tile(jpeg: tf.Tensor, shape: TileShape) -> tf.Tensor:
    """Decode a JPEG tile at the size of the model's input.

    The image is decoded at the smallest of the scales 1/8, 1/4, 1/2 and 1 that is not below the model's input, and
    averaged over areas to the exact size.

    Args:
        jpeg: (), string.
        shape: side of the tile and of the result.

    Returns:
        (side, side, 3) float32, RGB of 0 to 255.
    """
    ratio = next((r for r in _JPEG_RATIOS if shape.stored >= r * shape.model), 1)
    decoded_side = -(-shape.stored // ratio)
    image = tf.io.decode_jpeg(jpeg, channels=3, ratio=ratio)
    image = tf.cast(tf.ensure_shape(image, (decoded_side, decoded_side, 3)), tf.float32)
    if decoded_side == shape.model:
        return image
    method = "area" if decoded_side > shape.model else "bilinear"
    return tf.image.resize(image, (shape.model, shape.model), method=method)


def train_batches(
    shard: Path, shape: TileShape, *, epoch_seeds: Sequence[int], tiles: int, batch_size: int, threads: int
) -> Batches:
    """The batches of several epochs, one after the other, each shuffled and augmented anew.

    Each epoch has tiles // batch_size full batches and follows from its seed alone.

    Args:
        shard: TFRecord file.
        shape: sides of the tiles.
        epoch_seeds: one for each epoch.
        tiles: number of tiles in the shard.
        batch_size: tiles per batch, at most `tiles`.
        threads: that decode.
    """

    def epoch(seed: tf.Tensor) -> tf.data.Dataset:
        records = tf.data.TFRecordDataset(str(shard)).shuffle(
            min(tiles, _SHUFFLED_TILES), seed=seed, reshuffle_each_iteration=False
        )
        examples = records.enumerate().map(
            lambda position, record: _augmented(_parsed(record, shape), tf.stack([seed, position])),
            num_parallel_calls=threads,
        )
        return examples.batch(batch_size, drop_remainder=True)

    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(epoch_seeds, tf.int64)).flat_map(epoch)
    return Batches(shard, prefetched(dataset, threads), count=len(epoch_seeds) * (tiles // batch_size))


def validation_batches(shard: Path, shape: TileShape, *, tiles: int, batch_size: int, threads: int) -> Batches:
    """All tiles of a shard in its order, the last batch as small as it is; otherwise as `train_batches`."""
    records = tf.data.TFRecordDataset(str(shard))
    examples = records.map(lambda record: _parsed(record, shape), num_parallel_calls=threads)
    return Batches(shard, prefetched(examples.batch(batch_size), threads), count=-(-tiles // batch_size))


def epoch_seed(seed: int, *, epoch: int, rank: int) -> int:
    """The seed of shuffling and augmentation of one rank's shard in one epoch."""
    return seeds.number(seed, "training input", epoch, rank)


def prefetched(batches: tf.data.Dataset, threads: int) -> tf.data.Dataset:
    """Let a dataset prepare the next batches on threads of its own, in its order."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.deterministic = True
    options.autotune.enabled = False  # there is nothing to tune, and its thread takes seconds to end
    return batches.prefetch(2).with_options(options)


def _parsed(record: tf.Tensor, shape: TileShape) -> Batch:
    example = tf.io.parse_single_example(record, _FEATURES)
    return decode_tile(example["image/encoded"], shape), example["image/class/label"]


def _augmented(example: Batch, seed: tf.Tensor) -> Batch:
    """One of the eight flips and right-angle rotations; tissue has no top and no left."""
    image, label = example
    flipped, mirrored, transposed = tf.unstack(tf.random.stateless_uniform([3], seed) < 0.5)
    image = tf.cond(flipped, lambda: tf.reverse(image, [0]), lambda: image)
    image = tf.cond(mirrored, lambda: tf.reverse(image, [1]), lambda: image)
    image = tf.cond(transposed, lambda: tf.transpose(image, [1, 0, 2]), lambda: image)
    return image, label
