"""The state of a training: what a checkpoint keeps of it, and how it comes back."""

import logging
from dataclasses import dataclass, field

import numpy as np

from slidemill import seeds
from slidemill.training import ranks
from slidemill.training.backend import keras
from slidemill.training.checkpoint import Arrays, Checkpoint
from slidemill.training.history import EpochRow, best_epoch
from slidemill.training.loop import Position
from slidemill.training.loss import empty_tally
from slidemill.training.method import Method
from slidemill.training.optimizer import build_optimizer
from slidemill.training.parameters import TrainingParameters

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Phase:
    """Epochs in which the same layers learn, with an optimizer and a learning rate schedule of their own.

    Attributes:
        first_epoch: from 0 on.
        epochs: number of epochs.
        head_only: whether only the last layer learns.
    """

    first_epoch: int
    epochs: int
    head_only: bool

    @classmethod
    def all_of(cls, parameters: TrainingParameters) -> list["Phase"]:
        """The phases of a training."""
        frozen = parameters.frozen_epochs
        head = [cls(0, frozen, head_only=True)] if frozen else []
        return [*head, cls(frozen, parameters.epochs - frozen, head_only=False)]


@dataclass(slots=True)
class TrainingState:
    """All that changes while a training runs.

    Attributes:
        model: its weights are equal on all ranks.
        optimizer: of the present phase.
        history: the finished epochs.
        position: where the epoch after them goes on.
        best: values of the model's variables after the best epoch; rank 0 alone has them.
    """

    model: keras.Model
    optimizer: keras.Optimizer
    history: list[EpochRow]
    position: Position
    best: Arrays
    _restored: Arrays = field(default_factory=list)

    @classmethod
    def fresh(cls, method: Method, parameters: TrainingParameters) -> "TrainingState":
        """The state before the first step, but for weights that the method gives."""
        keras.utils.set_random_seed(seeds.number(parameters.seed, "initial weights") % 2**32)
        model = method.build_model(parameters.precision)
        optimizer = build_optimizer(parameters, list(model.trainable_variables))
        return cls(model, optimizer, history=[], position=_start_of(0), best=[])

    def begin(self, method: Method, checkpoint: Checkpoint | None) -> None:
        """Take up the state that rank 0 gives, or the weights that the method gives, on all ranks.

        Args:
            method: what learns.
            checkpoint: on rank 0, None where there is none; the other ranks do not look at it.
        """
        if checkpoint and ranks.is_first():
            assign(self.model.variables, checkpoint.model)
            self.history, self.best = list(checkpoint.history), checkpoint.best
        elif ranks.is_first():
            method.load_weights(self.model)
        ranks.broadcast(self.model.variables)
        self.history = ranks.broadcast_object(self.history)
        shared = (checkpoint.step, checkpoint.ranks, checkpoint.optimizer) if checkpoint else (0, [], [])
        step, own, self._restored = ranks.broadcast_object(shared if ranks.is_first() else None)
        self.position = _start_of(len(self.history))
        if len(own) == ranks.count():
            tally, *values = own[ranks.rank()]
            assign(self.model.non_trainable_variables, values)
            if step:
                self.position = Position(len(self.history), step, tally)

    def enter(self, phase: Phase, parameters: TrainingParameters, learned: list[keras.Variable]) -> None:
        """Make the optimizer of a phase for what learns in it; in its midst with the state that came back."""
        self.optimizer = build_optimizer(parameters, learned)
        if self._restored and (self.position.epoch, self.position.step) != (phase.first_epoch, 0):
            assign(self.optimizer.variables, self._restored)
        self._restored = []

    def finish_epoch(self, row: EpochRow) -> None:
        """Count an epoch."""
        self.history.append(row)
        self.position = _start_of(len(self.history))
        if ranks.is_first() and best_epoch(self.history) is row:
            self.best = values(self.model.variables)

    def capture(self, fingerprint: str, position: Position) -> Checkpoint:
        """The state as a checkpoint; called on all ranks, of use on rank 0."""
        own = ranks.gathered_objects([position.tally, *values(self.model.non_trainable_variables)])
        return Checkpoint(
            fingerprint=fingerprint,
            history=tuple(self.history),
            step=position.step,
            model=values(self.model.variables),
            optimizer=values(self.optimizer.variables),
            best=self.best,
            ranks=own,
        )

    def best_model(self, method: Method) -> keras.Model:
        """The model of the best epoch, computing in float32 wherever it is used; on rank 0."""
        model = method.build_model()
        assign(model.variables, self.best)
        return model


def values(variables: list[keras.Variable]) -> Arrays:
    """The values of variables."""
    return [variable.numpy() for variable in variables]


def assign(variables: list[keras.Variable], arrays: Arrays) -> None:
    """Give variables their values."""
    for variable, array in zip(variables, arrays, strict=True):
        variable.assign(array)


def _start_of(epoch: int) -> Position:
    return Position(epoch, 0, np.asarray(empty_tally()))
