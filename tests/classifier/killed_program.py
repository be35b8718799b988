"""A training that is killed, or asked to stop, at a known place.

Without more it is killed right after the checkpoint of its 2nd epoch; with KILLED_AT_STEP after that step's checkpoint
in the 3rd epoch, and with -1 nowhere: it then tells MLflow of its end, however long that takes. With TERMINATED_AT_STEP
one rank gets SIGTERM when that step of the 3rd epoch is to start. PROGRAM names the script that trains, else train.py.
"""

import os
import runpy
import signal
import sys
from pathlib import Path
from typing import Any

from slidemill.training import ranks, session, tracking
from slidemill.training.checkpoint import Checkpoint, save_checkpoint
from slidemill.training.loop import EpochLoop

EPOCHS = 2
KILLED_AT_STEP = int(os.environ.get("KILLED_AT_STEP", "0"))
TERMINATED_AT_STEP = int(os.environ.get("TERMINATED_AT_STEP", "0"))

start = EpochLoop._start


def save_and_die(path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(path, checkpoint)
    if not TERMINATED_AT_STEP and (len(checkpoint.history), checkpoint.step) == (EPOCHS, KILLED_AT_STEP):
        os.kill(os.getpid(), signal.SIGKILL)


def terminate_and_start(loop: EpochLoop, epoch: int, step: int) -> Any:
    if (epoch, step + 1) == (EPOCHS, TERMINATED_AT_STEP) and ranks.rank() == 1:
        os.kill(os.getpid(), signal.SIGTERM)
    return start(loop, epoch, step)


tracking._LAST_SECONDS = 600.0
session.save_checkpoint = save_and_die
if TERMINATED_AT_STEP:
    EpochLoop._start = terminate_and_start
sys.path.insert(0, str(Path(__file__).parents[2] / "scripts"))  # what a program there imports from beside it
runpy.run_path(str(Path(__file__).parents[2] / "scripts" / os.environ.get("PROGRAM", "train.py")), run_name="__main__")
