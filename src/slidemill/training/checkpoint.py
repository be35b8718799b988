"""The state of a training, after an epoch or inside it, in one NumPy .npz file without pickles.

The position in the data is a number of steps: shuffling and augmentation follow from the seed, the epoch and the place
of an example alone.
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
from slidemill.machine import machine_trouble
from slidemill.training.history import EpochRow
from slidemill.training.parameters import TrainingParameters

_log = logging.getLogger(__name__)

Arrays = Sequence[np.ndarray]

_GROUPS = ("model", "optimizer", "best")
_RANK = "rank"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What a killed training needs to go on.

    Attributes:
        fingerprint: of the training that it belongs to, see `fingerprint`.
        history: the finished epochs.
        step: finished steps of the epoch after these.
        model: the values of all variables of the model, in Keras' order.
        optimizer: the values of all variables of the optimizer, in Keras' order.
        best: as `model`, after the best epoch.
        ranks: for each rank what it does not share with the others: its tally of the epoch so far, and then the values
            of the variables that do not learn (moving statistics, states of random generators).
    """

    fingerprint: str
    history: tuple[EpochRow, ...]
    step: int
    model: Arrays
    optimizer: Arrays
    best: Arrays
    ranks: Sequence[Arrays]


def fingerprint(
    parameters: TrainingParameters, *, data_sha256: str, weights_sha256: str, software: dict[str, str]
) -> str:
    """A hash of all that decides what is learned: a checkpoint of another training is of no use.

    The number of ranks is not among it: a training may go on with another one.
    """
    chosen = {name: value for name, value in asdict(parameters).items() if name not in parameters.OPERATIONAL}
    facts = {"parameters": chosen, "data": data_sha256, "weights": weights_sha256, "software": software}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def save_checkpoint(path: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint, atomically."""
    groups = {group: getattr(checkpoint, group) for group in _GROUPS}
    groups |= {f"{_RANK}{number:05d}": arrays for number, arrays in enumerate(checkpoint.ranks)}
    arrays = {f"{group}/{position:05d}": array for group, own in groups.items() for position, array in enumerate(own)}
    facts = {
        "fingerprint": checkpoint.fingerprint,
        "history": [asdict(row) for row in checkpoint.history],
        "step": checkpoint.step,
        "ranks": len(checkpoint.ranks),
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        np.savez(file, facts=np.array(json.dumps(facts)), **arrays)


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
        if trouble := machine_trouble(error, path):
            raise trouble from error
        _log.warning("%s: damaged checkpoint (%s); not used", path, error)
        return None
    if checkpoint.fingerprint != fingerprint:
        _log.info("%s: checkpoint of a training with other data or parameters; not used", path)
        return None
    return checkpoint


def choose_checkpoint(epoch: Checkpoint | None, step: Checkpoint | None, *, ranks: int) -> Checkpoint | None:
    """The state to go on from: the later one, but inside an epoch only on as many ranks as before.

    With another number of ranks the examples of an epoch come in other batches, so that it can only start anew.
    """
    usable = [one for one in (epoch, step) if one and (one.step == 0 or len(one.ranks) == ranks)]
    return max(usable, key=lambda one: (len(one.history), one.step), default=None)


def _read(path: Path) -> Checkpoint:
    with path.open("rb") as file, np.load(file, allow_pickle=False) as arrays:

        def group(name: str) -> list[np.ndarray]:
            return [arrays[key] for key in sorted(arrays.files) if key.startswith(f"{name}/")]

        facts = json.loads(str(arrays["facts"]))
        return Checkpoint(
            fingerprint=facts["fingerprint"],
            history=tuple(EpochRow(**row) for row in facts["history"]),
            step=facts["step"],
            ranks=[group(f"{_RANK}{number:05d}") for number in range(facts["ranks"])],
            **{name: group(name) for name in _GROUPS},
        )
