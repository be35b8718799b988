"""The input pipeline: from the records of shards to batches of tiles."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from slidemill import seeds
from slidemill.classifier.augment import draw, random_corner
from slidemill.classifier.source import ShardDataError, Shards, interleaved
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import decode_tile
from slidemill.training.backend import tf, unconverted
from slidemill.training.method import Batch

# Bounds the memory of shuffling to some hundred MB of JPEG bytes; shards are written in random order anyway.
_SHUFFLED_TILES = 4096

_FEATURES = {
    "image/encoded": tf.io.FixedLenFeature([], tf.string),
    "image/class/label": tf.io.FixedLenFeature([], tf.int64),
    "slide/id": tf.io.FixedLenFeature([], tf.string),
}

# Of a tile, or a batch of tiles: pixels, uint8, to train on also the random numbers by which they are to be augmented,
# (DRAWS,) float32; then label, int64, and slide id, string.
Example = tuple[tf.Tensor, ...]

_DATA_ERRORS = (
    tf.errors.DataLossError,
    tf.errors.InvalidArgumentError,
    tf.errors.NotFoundError,
    tf.errors.UnknownError,
)


@dataclass(frozen=True, slots=True)
class Batches:
    """The batches of a rank's shards. Iterating raises a ShardDataError where a shard is missing, damaged or too short.

    Attributes:
        shards: where the records come from.
        dataset: reads them.
        count: number of batches that the dataset has to give.
    """

    shards: Shards
    dataset: tf.data.Dataset
    count: int

    def __iter__(self) -> Iterator[Batch]:
        """Read from the start."""
        number = 0
        try:
            for number, (*inputs, labels, slides) in enumerate(self.dataset, 1):  # noqa: B007
                yield Batch(tuple(inputs), labels, slides)
        except _DATA_ERRORS as error:
            damage = self.shards.find_damage()
            raise damage or ShardDataError(str(self.shards), " ".join(error.message.split())) from error
        if number != self.count:
            raise ShardDataError(str(self.shards), f"gave {number} batches instead of the planned {self.count}")


def train_batches(
    shards: Shards,
    shape: TileShape,
    *,
    epoch_seeds: Sequence[int],
    skipped: int,
    tiles: int,
    batch_size: int,
    threads: int,
) -> Batches:
    """The batches of several epochs, one after the other, each shuffled anew and with new random numbers.

    Each epoch has tiles // batch_size full batches and follows from its seed alone.

    Args:
        shards: the records.
        shape: sides of the tiles.
        epoch_seeds: one for each epoch.
        skipped: batches of the first epoch that were learned from before; they are read but not decoded.
        tiles: number of tiles in the shards together.
        batch_size: tiles per batch, at most `tiles`.
        threads: that decode.
    """

    def epoch(seed: tf.Tensor, skipped: tf.Tensor) -> tf.data.Dataset:
        records = interleaved(shards).shuffle(min(tiles, _SHUFFLED_TILES), seed=seed, reshuffle_each_iteration=False)
        examples = (
            records.enumerate()
            .skip(skipped * batch_size)
            .map(
                unconverted(lambda position, record: _train_example(record, shape, tf.stack([seed, position]))),
                num_parallel_calls=threads,
            )
        )
        return examples.batch(batch_size, drop_remainder=True)

    skips = [skipped] + [0] * (len(epoch_seeds) - 1)
    epochs = (tf.constant(epoch_seeds, tf.int64), tf.constant(skips[: len(epoch_seeds)], tf.int64))
    dataset = tf.data.Dataset.from_tensor_slices(epochs).flat_map(unconverted(epoch))
    count = len(epoch_seeds) * (tiles // batch_size) - skipped
    return Batches(shards, prefetched(dataset, threads), count=max(0, count))


def validation_batches(shards: Shards, shape: TileShape, *, tiles: int, batch_size: int, threads: int) -> Batches:
    """All tiles of the shards in their order, the last batch as small as it is; otherwise as `train_batches`."""
    examples = interleaved(shards).map(unconverted(lambda record: _example(record, shape)), num_parallel_calls=threads)
    return Batches(shards, prefetched(examples.batch(batch_size), threads), count=-(-tiles // batch_size))


def epoch_seed(seed: int, *, epoch: int, rank: int) -> int:
    """The seed of shuffling and augmentation of one rank's shards in one epoch."""
    return seeds.number(seed, "training input", epoch, rank)


def prefetched(batches: tf.data.Dataset, threads: int) -> tf.data.Dataset:
    """Let a dataset prepare the next batches on threads of its own, in its order."""
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    options.deterministic = True
    options.autotune.enabled = False  # there is nothing to tune, and its thread takes seconds to end
    return batches.prefetch(2).with_options(options)


def _example(record: tf.Tensor, shape: TileShape) -> Example:
    parsed = tf.io.parse_single_example(record, _FEATURES)
    return decode_tile(parsed["image/encoded"], shape), parsed["image/class/label"], parsed["slide/id"]


def _train_example(record: tf.Tensor, shape: TileShape, seed: tf.Tensor) -> Example:
    parsed = tf.io.parse_single_example(record, _FEATURES)
    draws = draw(seed)
    image = decode_tile(parsed["image/encoded"], shape, corner=random_corner(draws, shape))
    return image, draws, parsed["image/class/label"], parsed["slide/id"]
