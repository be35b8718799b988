"""What is known of each epoch; no times, so that equal trainings give equal histories."""

from collections.abc import Sequence
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from slidemill.atomic import write_text


@dataclass(frozen=True, slots=True)
class EpochRow:
    """One epoch.

    Attributes:
        epoch: from 1 on.
        learning_rate: of the epoch's last step.
        train_loss, train_accuracy: means over the epoch's training tiles, each scored in the step that learns from it.
        validation_loss, validation_accuracy: means over all validation tiles after the epoch.
    """

    epoch: int
    learning_rate: float
    train_loss: float
    train_accuracy: float
    validation_loss: float
    validation_accuracy: float


def write_history(path: Path, rows: Sequence[EpochRow]) -> None:
    """Write history.tsv, one row an epoch, atomically."""
    lines = ["\t".join(field.name for field in fields(EpochRow))]
    lines += ["\t".join(f"{value:.6g}" for value in astuple(row)) for row in rows]
    write_text(path, "\n".join(lines) + "\n")


def best_epoch(rows: Sequence[EpochRow]) -> EpochRow:
    """The epoch with the lowest validation loss, the first of equals."""
    return min(rows, key=lambda row: row.validation_loss)
