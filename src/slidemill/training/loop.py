"""The epoch: the same number of training steps on all ranks, and a validation."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple

import numpy as np
from tqdm import tqdm

from slidemill.errors import SlidemillError
from slidemill.training import ranks
from slidemill.training.auc import macro_auc
from slidemill.training.backend import keras, on_host, tf
from slidemill.training.history import EpochRow, StepRow
from slidemill.training.in_flight import InFlight
from slidemill.training.method import Batch, Moves
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
        moves: called whenever a step or a batch of the validation was started.
        learned: told of each training step, when the next one was started.
        is_due: whether the state is to be saved after so many steps of an epoch; the same on all ranks.
        save: called on all ranks where that is due or ranks were asked to stop, with the position of what the model has
            learned, all of which was looked at, and with the number of these ranks.
    """

    stopping: Callable[[], bool]
    moves: Moves
    learned: Callable[[StepRow], None]
    is_due: Callable[[int], bool]
    save: Callable[[Position, int], None]


class _Started(NamedTuple):
    """A training step that was started: its number, from 1 on, and what it learns from, without the inputs."""

    number: int
    learning_rate: float
    batch: Batch


@dataclass(slots=True)
class _Known:
    """Of an epoch's training, as far as it was looked at."""

    position: Position
    stopping: int = 0


@dataclass(slots=True)
class _Scored:
    """Of a validation, as far as it was looked at: the tally, and scores and labels of its examples."""

    tally: np.ndarray
    scores: list[np.ndarray] = field(default_factory=list)
    labels: list[np.ndarray] = field(default_factory=list)


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
        end = self._train(start) if start.step < self.schedule.steps_per_epoch else start
        train_loss, train_accuracy = _means(ranks.total(end.tally))
        tally, auc = self._validate(end)
        loss, accuracy = _means(tally)
        last_step = self._scheduled(start.epoch, self.schedule.steps_per_epoch) - 1
        rate = self.schedule.at(last_step)
        return EpochRow(start.epoch + 1, rate, train_loss, train_accuracy, loss, accuracy, auc)

    def _train(self, start: Position) -> Position:
        """Take the steps that are left, and average the statistics: a position after the last step includes that."""
        known = _Known(start)
        with self._bar(start) as bar, InFlight(partial(self._look_at_step, known, bar)) as in_flight:
            for step in range(start.step, self.schedule.steps_per_epoch):
                in_flight.add(*self._start(start.epoch, step))
                self.signals.moves()
                if self._saves_after(step + 1, known.stopping):
                    in_flight.settle()
                    self.signals.save(known.position, known.stopping)
            in_flight.settle()
        ranks.average_statistics(self.model)
        if known.stopping:
            self.signals.save(known.position, known.stopping)
        return known.position

    def _start(self, epoch: int, step: int) -> tuple[_Started, tuple[tf.Tensor, ...]]:
        batch = next(self.batches)
        rate = self.schedule.at(self._scheduled(epoch, step))
        results = self.train_step(batch.inputs, batch.labels, _number(rate), self._asked())
        return _Started(step + 1, rate, batch._replace(inputs=())), results

    def _look_at_step(self, known: _Known, bar: tqdm, started: _Started, results: Sequence[np.ndarray]) -> None:
        tally, of_all, stopping = results
        before = known.position
        self._check(tally, before.epoch, started.number, started.batch)
        known.position = Position(before.epoch, started.number, before.tally + tally)
        known.stopping = int(stopping)
        self.signals.learned(self._step_row(known.position, started.learning_rate, of_all))
        bar.update()
        per_second = (bar.format_dict["rate"] or 0.0) * float(of_all[2])
        bar.set_postfix_str(f"{per_second:.0f} {self.examples}/s", refresh=False)

    def _saves_after(self, steps: int, stopping: int) -> bool:
        return steps < self.schedule.steps_per_epoch and (stopping > 0 or self.signals.is_due(steps))

    def _validate(self, end: Position) -> tuple[np.ndarray, float]:
        """The tally of all ranks, and the AUC over the examples of all ranks."""
        scored = _Scored(np.zeros(3))
        with InFlight(partial(self._look_at_scores, scored, end)) as in_flight:
            for batch in self.validation:
                results = self.validation_step(batch.inputs, batch.labels, self._asked())
                in_flight.add(batch._replace(inputs=()), results)
                self.signals.moves()
            in_flight.settle()
        gathered = ranks.gathered(np.concatenate(scored.scores)), ranks.gathered(np.concatenate(scored.labels))
        return ranks.total(scored.tally), macro_auc(*gathered)

    def _look_at_scores(self, scored: _Scored, end: Position, batch: Batch, results: Sequence[np.ndarray]) -> None:
        tally, scores, stopping = results
        self._check(tally, end.epoch, end.step, batch)
        labels = batch.labels.numpy()
        scored.tally = scored.tally + tally
        scored.scores.append(scores[labels >= 0])
        scored.labels.append(labels[labels >= 0])
        if stopping:  # a batch in flight changes nothing of what is saved
            self.signals.save(end, int(stopping))

    def _asked(self) -> tf.Tensor:
        return _number(float(self.signals.stopping()))

    def _check(self, tally: np.ndarray, epoch: int, step: int, batch: Batch) -> None:
        if not math.isfinite(tally[0]):
            raise self._diverged(epoch, step, batch)

    def _bar(self, start: Position) -> tqdm:
        return tqdm(
            desc=f"epoch {start.epoch + 1}",
            total=self.schedule.steps_per_epoch,
            initial=start.step,
            disable=None if ranks.is_first() else True,
            leave=False,
            unit="step",
        )

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


def _number(value: float) -> tf.Tensor:
    with on_host():
        return tf.constant(value, tf.float32)


def _means(tally: np.ndarray) -> tuple[float, float]:
    """Loss and accuracy over the examples of all ranks, so that each counts once, however many each rank has."""
    loss, correct, examples = tally
    return float(loss / examples), float(correct / examples)
