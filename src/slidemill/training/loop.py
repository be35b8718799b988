"""The epoch: the same number of training steps on all ranks, and a validation."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from slidemill.errors import SlidemillError
from slidemill.training import ranks
from slidemill.training.auc import macro_auc
from slidemill.training.backend import keras, tf
from slidemill.training.history import EpochRow, StepRow
from slidemill.training.input import Batch, Batches
from slidemill.training.schedule import LearningRateSchedule
from slidemill.training.step import TrainStep, ValidationStep

_NAMED_SLIDES = 20


class DivergedError(SlidemillError):
    """A loss that is no number any more."""

    def __init__(self, epoch: int, step: int, slides: tuple[str, ...]) -> None:
        super().__init__(epoch, step, slides)
        self.epoch = epoch
        self.step = step
        self.slides = slides

    def __str__(self) -> str:
        named = ", ".join(self.slides[:_NAMED_SLIDES]) + (", ..." if len(self.slides) > _NAMED_SLIDES else "")
        return (
            f"the loss in step {self.step} of epoch {self.epoch} is not a finite number; its tiles are of the slides: "
            f"{named}. Look at these slides, or lower training.learning_rate."
        )


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a training.

    Attributes:
        epoch: from 0 on.
        step: number of finished steps of the epoch.
        tally: of this rank's tiles of these steps, (3,) float64.
    """

    epoch: int
    step: int
    tally: np.ndarray


@dataclass(frozen=True, slots=True)
class Signals:
    """How an epoch talks to what runs it.

    Attributes:
        stopping: whether this rank was asked to stop.
        learned: told of each training step.
        after_step: called on all ranks after each step, with the number of ranks that were asked to stop.
    """

    stopping: Callable[[], bool]
    learned: Callable[[StepRow], None]
    after_step: Callable[[Position, int], None]


@dataclass(frozen=True, slots=True)
class EpochLoop:
    """One epoch after the other, with the same number of steps on all ranks.

    Attributes:
        model: the model in training.
        train_step, validation_step: made from it.
        batches: the training batches from the first step on that is run.
        validation: the validation batches.
        schedule: learning rate and number of steps.
        first_epoch: the epoch with which the schedule starts.
        signals: what happens between steps.
    """

    model: keras.Model
    train_step: TrainStep
    validation_step: ValidationStep
    batches: Iterator[Batch]
    validation: Batches
    schedule: LearningRateSchedule
    first_epoch: int
    signals: Signals

    def run(self, start: Position) -> EpochRow:
        """Train one epoch from a position to its end, and validate; afterwards all ranks hold the same model.

        Raises:
            DivergedError: the loss is not finite.
            ShardDataError: a shard is missing, damaged or shorter than planned.
        """
        end = self._train(start)
        train_loss, train_accuracy = _means(ranks.total(end.tally))
        ranks.average_statistics(self.model)
        tally, auc = self._validate(end)
        loss, accuracy = _means(tally)
        last_step = self._scheduled(start.epoch, self.schedule.steps_per_epoch) - 1
        rate = self.schedule.at(last_step)
        return EpochRow(start.epoch + 1, rate, train_loss, train_accuracy, loss, accuracy, auc)

    def _train(self, start: Position) -> Position:
        position = start
        bar = tqdm(
            desc=f"epoch {start.epoch + 1}",
            total=self.schedule.steps_per_epoch,
            initial=start.step,
            disable=None if ranks.is_first() else True,
            leave=False,
            unit="step",
        )
        with bar:
            for step in range(start.step, self.schedule.steps_per_epoch):
                images, draws, labels, slides = next(self.batches)
                rate = self.schedule.at(self._scheduled(start.epoch, step))
                asked = tf.constant(float(self.signals.stopping()))
                tally, of_all, stopping = self.train_step(images, draws, labels, tf.constant(rate, tf.float32), asked)
                if not math.isfinite(tally[0]):
                    raise DivergedError(start.epoch + 1, step + 1, _names(slides))
                position = Position(start.epoch, step + 1, position.tally + tally.numpy())
                self.signals.learned(self._step_row(position, rate, of_all.numpy()))
                self.signals.after_step(position, int(stopping))
                bar.update()
                tiles_per_second = (bar.format_dict["rate"] or 0.0) * float(tally[2]) * ranks.count()
                bar.set_postfix_str(f"{tiles_per_second:.0f} tiles/s", refresh=False)
        return position

    def _validate(self, end: Position) -> tuple[np.ndarray, float]:
        """The tally of all ranks, and the AUC over the tiles of all ranks."""
        tally = np.zeros(3)
        scores, truth = [], []
        for images, labels, slides in self.validation:
            batch_tally, batch_scores = self.validation_step(images, labels)
            if not math.isfinite(batch_tally[0]):
                raise DivergedError(end.epoch + 1, end.step, _names(slides))
            tally = tally + batch_tally.numpy()
            scores.append(batch_scores.numpy())
            truth.append(labels.numpy())
            stopping = ranks.total(np.float32(self.signals.stopping()))
            self.signals.after_step(end, int(stopping))
        gathered = ranks.gathered(np.concatenate(scores)), ranks.gathered(np.concatenate(truth))
        return ranks.total(tally), macro_auc(*gathered)

    def _step_row(self, position: Position, learning_rate: float, tally: np.ndarray) -> StepRow:
        step = position.epoch * self.schedule.steps_per_epoch + position.step
        return StepRow(step, learning_rate, *_means(tally))

    def _scheduled(self, epoch: int, step: int) -> int:
        return (epoch - self.first_epoch) * self.schedule.steps_per_epoch + step


def _means(tally: np.ndarray) -> tuple[float, float]:
    """Loss and accuracy over the tiles of all ranks, so that each counts once, however many each rank has."""
    loss, correct, tiles = tally
    return float(loss / tiles), float(correct / tiles)


def _names(slides: tf.Tensor) -> tuple[str, ...]:
    return tuple(sorted({name.decode() for name in slides.numpy()}))
