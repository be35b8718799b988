"""Where records come from: files (also SageMaker's File and FastFile channels) or FIFOs (its Pipe channels)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slidemill.errors import SlidemillError
from slidemill.records import DamagedRecordError, FifoChannel, read_records
from slidemill.training.backend import tf


class ShardDataError(SlidemillError):
    """A shard that is missing, damaged or shorter than planned."""

    def __init__(self, shard: str, reason: str) -> None:
        super().__init__(shard, reason)
        self.shard = shard
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.shard}: {self.reason}. Delete the shards and their plan and run again to make them anew."


@dataclass(frozen=True, slots=True)
class FileShards:
    """Shards in files.

    Attributes:
        files: TFRecord files.
    """

    files: tuple[Path, ...]

    def __str__(self) -> str:
        return ", ".join(map(str, self.files))

    def datasets(self) -> list[tf.data.Dataset]:
        """The records of each shard, checked."""
        return [tf.data.TFRecordDataset(str(file)) for file in self.files]

    def find_damage(self) -> SlidemillError | None:
        """The damaged or missing shard by its name, which TensorFlow's errors do not tell."""
        for file in self.files:
            try:
                for _ in read_records(file):
                    pass
            except FileNotFoundError:
                return ShardDataError(str(file), "there is no such file")
            except DamagedRecordError as error:
                return ShardDataError(str(file), f"the record at byte {error.offset} is damaged")
        return None


@dataclass(slots=True)
class FifoShards:
    """Shards that come through FIFOs, one channel a shard; every pass over the data uses up a FIFO of each.

    Attributes:
        channels: one for each shard; they count the passes.
    """

    channels: tuple[FifoChannel, ...]
    _errors: list[SlidemillError] = field(default_factory=list)

    @classmethod
    def of(cls, channels: Sequence[Path]) -> "FifoShards":
        """Channels by their paths without the number of the pass."""
        return cls(tuple(FifoChannel(channel) for channel in channels))

    def __str__(self) -> str:
        return f"{len(self.channels)} FIFO channels"

    def datasets(self) -> list[tf.data.Dataset]:
        """The records of each shard, checked."""
        block = tf.TensorSpec((None,), tf.string)
        return [
            tf.data.Dataset.from_generator(
                lambda channel=channel: self._blocks(channel), output_signature=block
            ).unbatch()
            for channel in self.channels
        ]

    def find_damage(self) -> SlidemillError | None:
        """What went wrong while a FIFO was read; TensorFlow's errors only hold it as text."""
        return self._errors[0] if self._errors else None

    def _blocks(self, channel: FifoChannel) -> Iterator[list[bytes]]:
        try:
            yield from channel.blocks()
        except SlidemillError as error:
            self._errors.append(error)
            raise


Shards = FileShards | FifoShards


def interleaved(shards: Shards) -> tf.data.Dataset:
    """The records of all shards in turn, one of each, in the same order for files and FIFOs."""
    datasets = shards.datasets()
    if len(datasets) == 1:
        return datasets[0]
    choices = tf.data.Dataset.range(len(datasets)).repeat()
    return tf.data.Dataset.choose_from_datasets(datasets, choices, stop_on_empty_dataset=False)
