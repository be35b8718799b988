"""What is known of each epoch and step; no times, so that equal trainings give equal histories."""

import math
from collections.abc import Sequence
from dataclasses import Field, astuple, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Protocol

from slidemill.atomic import write_text


class Row(Protocol):
    """Numbers of a training that belong together: the fields of a dataclass."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]

    @property
    def place(self) -> int:
        """Of the row, from 1 on; one of its fields."""


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch.

    Attributes:
        epoch: from 1 on.
        learning_rate: of the epoch's last step.
        train_loss, train_accuracy: means over the epoch's training tiles, each scored in the step that learns from it;
            the loss without label smoothing and class weights, so that it compares with the validation loss.
        validation_loss, validation_accuracy: means over all validation tiles after the epoch.
        validation_auc: mean over classes of the AUC against the rest, over all validation tiles; NaN where the
            validation tiles are of one class.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float
    validation_auc: float

    @property
    def place(self) -> int:
        """The epoch."""
        return self.epoch


@dataclass(frozen=True, slots=True)
class StepRow:
    """One training step.

    Attributes:
        step: from 1 on, through all epochs.
        step_learning_rate: of this step.
        step_loss, step_accuracy: means over the tiles of all ranks, as `train_loss` is.
    """

    step: int
    step_learning_rate: float
    step_loss: float
    step_accuracy: float

    @property
    def place(self) -> int:
        """The step."""
        return self.step


def write_history(path: Path, rows: Sequence[Row]) -> None:
    """Write history.tsv, all rows of one kind, of which there is at least one, atomically."""
    lines = ["\t".join(field.name for field in fields(rows[0]))]
    lines += ["\t".join(f"{value:.6g}" for value in astuple(row)) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def best_epoch(rows: Sequence[EpochRow]) -> EpochRow:
    """The epoch with the highest validation AUC; of equals the one with the lowest validation loss, then the first."""
    return max(rows, key=lambda row: (_comparable(row.validation_auc), -row.validation_loss))


def is_exhausted(rows: Sequence[EpochRow], *, patience: int | None, frozen_epochs: int) -> bool:
    """Whether so many epochs in a row, after the frozen ones, were not better than the best before."""
    if patience is None or not rows:
        return False
    return len(rows) - max(best_epoch(rows).epoch, frozen_epochs) >= patience


def _comparable(auc: float) -> float:
    return -1.0 if math.isnan(auc) else auc
