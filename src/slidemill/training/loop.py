"""The steps of training and validation, and the epoch made of them."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from tqdm import tqdm

from slidemill.errors import SlidemillError
from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.history import EpochRow
from slidemill.training.input import Batch, Batches
from slidemill.training.models import logits_model
from slidemill.training.schedule import LearningRateSchedule

TrainStep = Callable[[tf.Tensor, tf.Tensor, tf.Tensor], tf.Tensor]
ValidationStep = Callable[[tf.Tensor, tf.Tensor], tf.Tensor]


class DivergedError(SlidemillError):
    """A loss that is no number any more."""

    def __init__(self, epoch: int) -> None:
        super().__init__(epoch)
        self.epoch = epoch

    def __str__(self) -> str:
        return f"the loss of epoch {self.epoch} is not a finite number. Lower training.learning_rate."


@dataclass(frozen=True, slots=True)
class Score:
    """Loss and accuracy, means over tiles."""

    loss: float
    accuracy: float

    @classmethod
    def over_ranks(cls, tally: tf.Tensor) -> "Score":
        """From the tallies of all ranks, so that each tile counts once, however many each rank has."""
        loss, correct, tiles = ranks.total(tally)
        return cls(loss=float(loss / tiles), accuracy=float(correct / tiles))


def train_step(model: keras.Model, optimizer: keras.Optimizer) -> TrainStep:
    """Make the function that learns from one batch.

    It takes images (batch, side, side, 3) float32, labels (batch,) int64 and the learning rate () float32, applies the
    gradient of the mean loss over the batches of all ranks, and returns the tally of this rank's batch.
    """
    logits_of = logits_model(model)
    weights = ranks.tensors(model.trainable_variables)

    def step(images: tf.Tensor, labels: tf.Tensor, learning_rate: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            logits = logits_of(images, training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            loss = tf.reduce_mean(losses)
        gradients = ranks.averaging(tape).gradient(loss, weights)
        optimizer.learning_rate.assign(learning_rate)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return _tally(losses, logits, labels)

    return tf.function(step)


def validation_step(model: keras.Model) -> ValidationStep:
    """Make the function that scores one batch of any size and returns its tally."""
    logits_of = logits_model(model)
    batch_of_any_size = (
        tf.TensorSpec((None, *model.input_shape[1:]), tf.float32),
        tf.TensorSpec((None,), tf.int64),
    )

    def step(images: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
        logits = logits_of(images, training=False)
        return _tally(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits), logits, labels)

    return tf.function(step, input_signature=batch_of_any_size)


@dataclass(frozen=True, slots=True)
class EpochLoop:
    """One epoch after the other, with the same number of steps on all ranks.

    Attributes:
        model: the model in training.
        train_step, validation_step: made from it.
        batches: the training batches from the first epoch on that is run.
        validation: the validation batches.
        schedule: learning rate and number of steps.
    """

    model: keras.Model
    train_step: TrainStep
    validation_step: ValidationStep
    batches: Iterator[Batch]
    validation: Batches
    schedule: LearningRateSchedule

    def run(self, epoch: int) -> EpochRow:
        """Train and validate one epoch; afterwards all ranks hold the same model.

        Args:
            epoch: from 0 on.

        Raises:
            DivergedError: the loss is not finite, on all ranks alike.
            ShardDataError: a shard is missing, damaged or shorter than planned.
        """
        train = self._train(epoch)
        ranks.average_statistics(self.model)
        validation = self._validate()
        if not math.isfinite(train.loss + validation.loss):
            raise DivergedError(epoch + 1)
        return EpochRow(
            epoch=epoch + 1,
            learning_rate=self.schedule.at(self._first_step(epoch + 1) - 1),
            train_loss=train.loss,
            train_accuracy=train.accuracy,
            validation_loss=validation.loss,
            validation_accuracy=validation.accuracy,
        )

    def _train(self, epoch: int) -> Score:
        tally = _empty_tally()
        steps = range(self._first_step(epoch), self._first_step(epoch + 1))
        for step in tqdm(steps, f"epoch {epoch + 1}", disable=None if ranks.is_first() else True, leave=False):
            images, labels = next(self.batches)
            tally += self.train_step(images, labels, tf.constant(self.schedule.at(step), tf.float32))
        return Score.over_ranks(tally)

    def _validate(self) -> Score:
        tally = _empty_tally()
        for images, labels in self.validation:
            tally += self.validation_step(images, labels)
        return Score.over_ranks(tally)

    def _first_step(self, epoch: int) -> int:
        return epoch * self.schedule.steps_per_epoch


def _empty_tally() -> tf.Tensor:
    return tf.zeros(3, tf.float64)


def _tally(losses: tf.Tensor, logits: tf.Tensor, labels: tf.Tensor) -> tf.Tensor:
    """Sum of the losses, number of right answers, number of tiles: (3,) float64."""
    correct = tf.argmax(logits, axis=-1, output_type=labels.dtype) == labels
    counts = (tf.reduce_sum(losses), tf.math.count_nonzero(correct), tf.size(labels))
    return tf.stack([tf.cast(count, tf.float64) for count in counts])
