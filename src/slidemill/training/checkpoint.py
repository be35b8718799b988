"""The state of a training after its last finished epoch, in one NumPy .npz file without pickles.

The position in the data needs no place in it: shuffling and augmentation follow from the seed and the epoch alone.
"""

import hashlib
import json
import logging
import zipfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from slidemill.atomic import atomic_path
from slidemill.training.history import EpochRow
from slidemill.training.parameters import TrainingParameters

_log = logging.getLogger(__name__)

Arrays = Sequence[np.ndarray]

_GROUPS = ("model", "optimizer", "best")


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a killed training needs to go on.

    Attributes:
        fingerprint: of the training that it belongs to, see `fingerprint`.
        history: the finished epochs.
        model: the values of all variables of the model, in Keras' order.
        optimizer: the values of all variables of the optimizer, in Keras' order.
        best: as `model`, after the epoch with the lowest validation loss.
    """

    fingerprint: str
    history: tuple[EpochRow, ...]
    model: Arrays
    optimizer: Arrays
    best: Arrays


def fingerprint(parameters: TrainingParameters, *, plan_sha256: str, ranks: int, software: dict[str, str]) -> str:
    """A hash of all that decides how a training runs: a checkpoint of another one is of no use."""
    facts = {"parameters": asdict(parameters), "plan": plan_sha256, "ranks": ranks, "software": software}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint, atomically."""
    arrays = {
        f"{group}/{position:05d}": array
        for group in _GROUPS
        for position, array in enumerate(getattr(checkpoint, group))
    }
    history = json.dumps([asdict(row) for row in checkpoint.history])
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, fingerprint=np.array(checkpoint.fingerprint), history=np.array(history), **arrays)


def load_checkpoint(path: Path, fingerprint: str) -> Checkpoint | None:
    """Read the checkpoint of the training with this fingerprint.

    Returns:
        None when there is no checkpoint, or one of another training, or a damaged one; the log says which.
    """
    if not path.exists():
        return None
    try:
        checkpoint = _read(path)
    except (OSError, EOFError, zipfile.BadZipFile, KeyError, TypeError, ValueError) as error:
        _log.warning("%s: damaged checkpoint (%s); starting anew", path, error)
        return None
    if checkpoint.fingerprint != fingerprint:
        _log.info("%s: checkpoint of a training with other shards, parameters or ranks; starting anew", path)
        return None
    return checkpoint


def _read(path: Path) -> Checkpoint:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:
        groups = {
            group: [arrays[name] for name in sorted(arrays.files) if name.startswith(f"{group}/")] for group in _GROUPS
        }
        rows = json.loads(str(arrays["history"]))
        history = tuple(EpochRow(**row) for row in rows)
        return Checkpoint(fingerprint=str(arrays["fingerprint"]), history=history, **groups)
