"""What stands in the place of a slide that could not be downloaded: a short text that says why.

So the cohort goes on, and the slide is set aside with its reason like any other that cannot be used.
"""

from pathlib import Path

from slidemill.atomic import write_text
from slidemill.slides.reader import SlideError

_HEAD = "slidemill: this slide could not be downloaded\n"


class SlideNotDownloadedError(SlideError):
    """A slide that the server did not give, whole and right."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path.stem} could not be downloaded: {self.reason}"


def write_placeholder(path: Path, reason: str) -> None:
    """Write the text in the place of a slide, atomically.

    Args:
        path: where the slide should have been.
        reason: why it is not there, in one line.
    """
    write_text(path, f"{_HEAD}{' '.join(reason.split())}\n")


def refuse_placeholder(path: Path) -> None:
    """Do nothing for a slide, and for any file that cannot be read.

    Raises:
        SlideNotDownloadedError: the file stands in the place of a slide.
    """
    try:
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD.encode():
                return
            reason = file.readline().decode(errors="replace").strip()
    except OSError:
        return
    raise SlideNotDownloadedError(path, reason)
