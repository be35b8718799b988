"""What stands in the place of a slide that could not be downloaded: a short text that says why.

So the cohort goes on, and the slide is set aside with its reason like any other that cannot be used.
"""

from pathlib import Path

from slidemill.atomic import write_text

_HEAD = "slidemill: this slide could not be downloaded\n"


def write_placeholder(path: Path, reason: str) -> None:
    """Write the text in the place of a slide, atomically.

    Args:
        path: where the slide should have been.
        reason: why it is not there.
    """
    write_text(path, f"{_HEAD}{' '.join(reason.split())}\n")


def read_placeholder(path: Path) -> str | None:
    """The reason that stands in the place of a slide; None for a slide, and for a file that cannot be read."""
    try:
        with path.open("rb") as file:
            if file.read(len(_HEAD)) != _HEAD.encode():
                return None
            return file.readline().decode(errors="replace").strip()
    except OSError:
        return None
