"""Slides of which nothing but a reason arrived."""

from pathlib import Path

from slidemill.placeholder import read_placeholder
from slidemill.slides.reader import SlideError


class SlideNotDownloadedError(SlideError):
    """A slide that the server did not give, whole and right."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path = path
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.path.stem} could not be downloaded: {self.reason}"


def refuse_placeholder(path: Path) -> None:
    """Check that a file is not a text in the place of a slide.

    Raises:
        SlideNotDownloadedError: it is one.
    """
    reason = read_placeholder(path)
    if reason is not None:
        raise SlideNotDownloadedError(path, reason)
