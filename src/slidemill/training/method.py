"""What a method brings to a training: its batches, its model, and what is computed of a batch.

The engine knows examples, which are tiles or bags of tiles, and nothing of what they hold.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from slidemill.training.backend import keras, tf
from slidemill.training.description import ModelDescription
from slidemill.training.parameters import Precision

Inputs = tuple[tf.Tensor, ...]
# Of inputs and labels, where their shapes differ from batch to batch.
Signature = tuple[tuple[tf.TensorSpec, ...], tf.TensorSpec]
# From the inputs and labels of a batch and the number of its first example that is left, () int32, to the number of the
# first example behind the next part, and the inputs and labels of the part.
Cut = Callable[[Inputs, tf.Tensor, tf.Tensor], tuple[tf.Tensor, Inputs, tf.Tensor]]


class Batch(NamedTuple):
    """Examples that a rank learns from, or scores, at once.

    Attributes:
        inputs: what the method's functions take, the examples along the first axis of each.
        labels: (examples,) int64, class numbers; below 0 where an example only fills a place and counts for nothing.
        slides: (examples,) string, to name them when something is wrong.
    """

    inputs: Inputs
    labels: tf.Tensor
    slides: tf.Tensor


@dataclass(frozen=True, slots=True)
class Learning:
    """How a model learns from a batch.

    Attributes:
        loss_of: from inputs and labels to the loss () float32, whose mean over ranks is made small, and the tally of
            the batch (see `slidemill.training.loss.tally`).
        variables: those that learn.
        signature: of inputs and labels, where the shapes of batches differ; None where all batches are of one size.
        cut: how a batch is computed in parts, one after the other in the same memory, where its loss is the sum of
            theirs; None: all at once.
    """

    loss_of: Callable[[Inputs, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    variables: list[keras.Variable]
    signature: Signature | None = None
    cut: Cut | None = None


@dataclass(frozen=True, slots=True)
class Scoring:
    """How a model scores a batch.

    Attributes:
        scores_of: from inputs and labels to the tally of the batch and the scores, (examples, classes) float32.
        signature: of inputs and labels.
    """

    scores_of: Callable[[Inputs, tf.Tensor], tuple[tf.Tensor, tf.Tensor]]
    signature: Signature


# To be called from time to time by what takes long and is no step; else the rank is taken to hang.
Moves = Callable[[], None]


class Method(Protocol):
    """What learns on this rank, and from what; made when the ranks are connected."""

    @property
    def name(self) -> str:
        """What trainings of its kind are called in lists."""

    @property
    def examples(self) -> str:
        """What its examples are called: "tiles"."""

    @property
    def summary(self) -> str:
        """What there is to learn from, for the log."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names, in order."""

    @property
    def data_sha256(self) -> str:
        """Of all that is learned from and validated on."""

    @property
    def weights_sha256(self) -> str:
        """Of the weights that the model starts from; empty for random ones."""

    @property
    def description(self) -> ModelDescription:
        """What the model file says of the model."""

    @property
    def tracked_files(self) -> tuple[Path, ...]:
        """Small files that MLflow gets a copy of, besides the history."""

    @property
    def tracked_parameters(self) -> dict[str, Any]:
        """What MLflow is told besides the parameters."""

    @property
    def steps_per_epoch(self) -> int:
        """Training steps of an epoch; equal on all ranks."""

    @property
    def batches_per_step(self) -> int:
        """By how much the learning rate grows: the ranks, where each learns from a batch; 1, where all share one."""

    def build_model(self, precision: Precision = "float32") -> keras.Model:
        """Build the model with random weights.

        Args:
            precision: of the computation; weights are always float32.
        """

    def load_weights(self, model: keras.Model) -> None:
        """Give a new model the weights that it is to start from; asked of rank 0 alone."""

    def train_batches(self, epochs: range, *, skipped: int) -> Iterator[Batch]:
        """The batches of this rank in several epochs, one after the other, `steps_per_epoch` in each.

        Each epoch follows from the seed, its number and the rank alone.

        Args:
            epochs: their numbers, from 0 on.
            skipped: batches of the first epoch that were learned from before.
        """

    def validation_batches(self) -> Iterable[Batch]:
        """The batches to validate with; as many on all ranks, and the same each time they are gone through."""

    def learning(self, model: keras.Model, *, head_only: bool) -> Learning:
        """How a model learns; with `head_only` its last layer alone, while the others work as in validation."""

    def scoring(self, model: keras.Model) -> Scoring:
        """How a model is validated."""
