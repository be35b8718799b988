"""Run by test_session.py: a training that is killed right after the checkpoint of its 2nd epoch."""

import os
import runpy
import signal
from pathlib import Path

from slidemill.training import session
from slidemill.training.checkpoint import Checkpoint, save_checkpoint

KILLED_AFTER = 2


def save_and_die(path: Path, checkpoint: Checkpoint) -> None:
    save_checkpoint(path, checkpoint)
    if len(checkpoint.history) == KILLED_AFTER:
        os.kill(os.getpid(), signal.SIGKILL)


session.save_checkpoint = save_and_die
runpy.run_path(str(Path(__file__).parents[2] / "scripts" / "train.py"), run_name="__main__")
