"""Jobs that wait at a known place: what is killed or stopped there is in the middle, however slow the test is."""

import os
from pathlib import Path


class Held:
    """The jobs of a workflow that wait: a training after its first epoch, and the one that cuts a slide.

    Args:
        environment: of the workflow; what lets its jobs wait is put into it.
        folder: an empty one.
        slide_id: the slide that waits, if any.
    """

    def __init__(self, environment: dict[str, str], folder: Path, *, slide_id: str = "") -> None:
        self._folder = folder
        before = environment.get("PYTHONPATH", os.environ.get("PYTHONPATH", ""))
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(Path(__file__).with_name("held")), before]))
        environment |= {"HELD_UNTIL_RELEASED_IN": str(folder), "HELD_SLIDE": slide_id}

    def release_slide(self) -> None:
        """Let the slide be cut."""
        (self._folder / "slide").touch()

    def release_training(self) -> None:
        """Let the training go on, also one that starts again."""
        (self._folder / "training").touch()
