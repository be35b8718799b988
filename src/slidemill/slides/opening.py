"""Which reader a slide gets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from slidemill.slides.direct_reader import direct_reader
from slidemill.slides.not_downloaded import refuse_placeholder
from slidemill.slides.reader import NotBrightfieldError, ReaderChoice, SlideReader, UnreadableSlideError
from slidemill.slides.tiff_file import DamagedTiffError, open_tiff
from slidemill.slides.tiff_slide import NotRgbError, UnsupportedTiffError, read_tiff_slide


@contextmanager
def open_slide(path: Path, reader: ReaderChoice = "auto") -> Iterator[SlideReader]:
    """Open a slide for reading.

    Args:
        path: the slide's file.
        reader: "direct" decodes the tiles of TIFF files itself and is several times faster, "openslide" knows the
            formats of most scanners, "auto" is the first where it is known to give the pixels of the second.

    Raises:
        UnreadableSlideError: the reader does not know the file, or it is damaged.
        NotBrightfieldError: its pixels are not RGB.
        SlideNotDownloadedError: the file stands in the place of a slide that could not be downloaded.
    """
    refuse_placeholder(path)
    _refuse_what_is_no_slide(path)
    with ExitStack() as stack:
        if reader == "openslide":
            yield _openslide(stack, path)
            return
        try:
            opened = _direct(stack, path)
        except UnsupportedTiffError as error:
            if reader == "direct":
                raise UnreadableSlideError(path, f"the direct reader does not know it: {error}") from error
            opened = _openslide(stack, path)
        yield opened


def _refuse_what_is_no_slide(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(512)
    except OSError as error:
        raise UnreadableSlideError(path, error.strerror or str(error)) from error
    if not head:
        raise UnreadableSlideError(path, "the file is empty")
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<error", b"{")):
        raise UnreadableSlideError(path, "it is a text, such as a server's error message, and no image")


def _direct(stack: ExitStack, path: Path) -> SlideReader:
    try:
        file = stack.enter_context(open_tiff(path))
        if file is None:
            raise UnsupportedTiffError("no TIFF file")
        return direct_reader(path, file, read_tiff_slide(file))
    except NotRgbError as error:
        raise NotBrightfieldError(path, str(error)) from error
    except (DamagedTiffError, OSError) as error:
        raise UnreadableSlideError(path, str(error)) from error


def _openslide(stack: ExitStack, path: Path) -> SlideReader:
    # Imported when it is needed: most slides of a cohort can do without.
    from slidemill.slides.openslide_reader import open_with_openslide

    return stack.enter_context(open_with_openslide(path))
