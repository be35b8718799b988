"""Read first by every Python of a workflow that `tests/workflow/holding.py` holds.

A program that cuts the slide waits before its first tile, but can be ended. A training waits after its first epoch, and
goes on, to save and end, when it is asked to stop.
"""

import os
import sys
import time
from pathlib import Path

RELEASED = Path(os.environ["HELD_UNTIL_RELEASED_IN"])
SLIDE = os.environ["HELD_SLIDE"]
PROGRAM = Path(sys.orig_argv[1]).name if len(sys.orig_argv) > 1 else ""
ARGUMENTS = sys.orig_argv[2:]


def value_of(option: str) -> str:
    return ARGUMENTS[ARGUMENTS.index(option) + 1] if option in ARGUMENTS[:-1] else ""


def hold_slide() -> None:
    from slidemill import lifeline

    listen = lifeline.end_with_starter

    def listen_and_wait() -> None:
        listen()
        while not (RELEASED / "slide").exists():
            time.sleep(0.02)

    lifeline.end_with_starter = listen_and_wait


def hold_training(checkpoint: Path) -> None:
    from slidemill.training.preemption import StopRequest

    came = StopRequest.came

    def wait_for_it(request: StopRequest) -> bool:
        while checkpoint.exists() and not (RELEASED / "training").exists() and not came(request):
            time.sleep(0.02)
        return came(request)

    StopRequest.came = wait_for_it  # asked before each step


if PROGRAM == "tile_slide.py" and value_of("--slide-id") == SLIDE:
    hold_slide()
if PROGRAM == "train.py":
    hold_training(Path(value_of("--checkpoint")))
