"""The epoch: the same number of training steps on all ranks, and a validation."""

import math
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from tqdm import tqdm

from slidemill.errors import SlidemillError
from slidemill.training import ranks
from slidemill.training.auc import macro_auc
from slidemill.training.backend import keras, tf
from slidemill.training.history import EpochRow, StepRow
from slidemill.training.method import Batch
from slidemill.training.schedule import LearningRateSchedule
from slidemill.training.step import TrainStep, ValidationStep

_NAMED_SLIDES = 20


class DivergedError(SlidemillError):
    """A loss that is no number any more."""

    def __init__(self, epoch: int, step: int, examples: str, slides: tuple[str, ...]) -> None:
        super().__init__(epoch, step, examples, slides)
        self.epoch = epoch
        self.step = step
        self.examples = examples
        self.slides = slides

    def __str__(self) -> str:
        named = ", ".join(self.slides[:_NAMED_SLIDES]) + (", ..." if len(self.slides) > _NAMED_SLIDES else "")
        return (
            f"the loss in step {self.step} of epoch {self.epoch} is not a finite number; its {self.examples} are of "
            f"the slides: {named}. Look at these slides, or lower training.learning_rate."
        )


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a training.

    Attributes:
        epoch: from 0 on.
        step: number of finished steps of the epoch.
        tally: of this rank's examples of these steps, (3,) float64.
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
        examples: what the examples are called.
    """

    model: keras.Model
    train_step: TrainStep
    validation_step: ValidationStep
    batches: Iterator[Batch]
    validation: Iterable[Batch]
    schedule: LearningRateSchedule
    first_epoch: int
    signals: Signals
    examples: str

    def run(self, start: Position) -> EpochRow:
        """Train one epoch from a position to its end, and validate; afterwards all ranks hold the same model.

        Raises:
            DivergedError: the loss is not finite.
            SlidemillError: what the batches raise.
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
                batch = next(self.batches)
                rate = self.schedule.at(self._scheduled(start.epoch, step))
                asked = tf.constant(float(self.signals.stopping()))
                tally, of_all, stopping = self.train_step(
                    batch.inputs, batch.labels, tf.constant(rate, tf.float32), asked
                )
                if not math.isfinite(tally[0]):
                    raise self._diverged(start.epoch, step + 1, batch)
                position = Position(start.epoch, step + 1, position.tally + tally.numpy())
                self.signals.learned(self._step_row(position, rate, of_all.numpy()))
                self.signals.after_step(position, int(stopping))
                bar.update()
                per_second = (bar.format_dict["rate"] or 0.0) * float(of_all[2])
                bar.set_postfix_str(f"{per_second:.0f} {self.examples}/s", refresh=False)
        return position

    def _validate(self, end: Position) -> tuple[np.ndarray, float]:
        """The tally of all ranks, and the AUC over the examples of all ranks."""
        tally = np.zeros(3)
        scores, truth = [], []
        for batch in self.validation:
            batch_tally, batch_scores = self.validation_step(batch.inputs, batch.labels)
            if not math.isfinite(batch_tally[0]):
                raise self._diverged(end.epoch, end.step, batch)
            tally = tally + batch_tally.numpy()
            is_example = batch.labels.numpy() >= 0
            scores.append(batch_scores.numpy()[is_example])
            truth.append(batch.labels.numpy()[is_example])
            stopping = ranks.total(np.float32(self.signals.stopping()))
            self.signals.after_step(end, int(stopping))
        gathered = ranks.gathered(np.concatenate(scores)), ranks.gathered(np.concatenate(truth))
        return ranks.total(tally), macro_auc(*gathered)

    def _step_row(self, position: Position, learning_rate: float, tally: np.ndarray) -> StepRow:
        step = position.epoch * self.schedule.steps_per_epoch + position.step
        return StepRow(step, learning_rate, *_means(tally))

    def _diverged(self, epoch: int, step: int, batch: Batch) -> DivergedError:
        names = {
            name.decode() for name, label in zip(batch.slides.numpy(), batch.labels.numpy(), strict=True) if label >= 0
        }
        slides = tuple(sorted(names))
        return DivergedError(epoch + 1, step, self.examples, slides)

    def _scheduled(self, epoch: int, step: int) -> int:
        return (epoch - self.first_epoch) * self.schedule.steps_per_epoch + step


def _means(tally: np.ndarray) -> tuple[float, float]:
    """Loss and accuracy over the examples of all ranks, so that each counts once, however many each rank has."""
    loss, correct, examples = tally
    return float(loss / examples), float(correct / examples)
