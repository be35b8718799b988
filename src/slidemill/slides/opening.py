"""Which reader a slide gets."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from slidemill.slides.availability import blaming_the_right_one
from slidemill.slides.direct_reader import direct_reader
from slidemill.slides.file_kinds import FOLDER, is_plain_picture, known_kind, never_read
from slidemill.slides.not_downloaded import refuse_placeholder
from slidemill.slides.reader import (
    DeepColoursError,
    NotBrightfieldError,
    ReaderChoice,
    SlideReader,
    UnreadableSlideError,
    UnsupportedSlideError,
)
from slidemill.slides.tiff_file import DamagedTiffError, open_tiff
from slidemill.slides.tiff_slide import (
    DeepTiffError,
    NotRgbError,
    UnsupportedTiffError,
    is_untiled,
    read_tiff_slide,
    refuse_pixels,
    tag_um_per_px,
)

_HEAD_BYTES = 512


@contextmanager
def open_slide(path: Path, reader: ReaderChoice = "auto") -> Iterator[SlideReader]:
    """Open a slide for reading.

    Args:
        path: the slide's file.
        reader: "direct" decodes the tiles of TIFF files itself and is several times faster, "openslide" knows the
            formats of most scanners, "auto" is the first where it is known to give the pixels of the second. Pictures
            without tiles (PNG, JPEG, TIFF in strips), which neither knows, are decoded as a whole.

    Raises:
        UnreadableSlideError: the reader does not know the file, or it is damaged.
        UnsupportedSlideError: the file is of a kind that is known and not read.
        NotBrightfieldError: its pixels are not RGB.
        SlideNotDownloadedError: the file stands in the place of a slide that could not be downloaded.
        MachineTroubleError: the machine does not give the file, now or while it is read.
    """
    with blaming_the_right_one(path), ExitStack() as stack:
        refuse_placeholder(path)
        head = _head_of(path)
        if reader == "openslide":
            yield _by_openslide_or_plain(stack, path, head)
            return
        try:
            opened = _direct(stack, path)
        except UnsupportedTiffError as error:
            if reader == "direct":
                raise UnreadableSlideError(path, f"the direct reader does not know it: {error}") from error
            opened = _by_openslide_or_plain(stack, path, head)
        yield opened


def _head_of(path: Path) -> bytes:
    """The first bytes of a file that may be a slide."""
    if (kind := never_read(path)) is not None:
        raise UnsupportedSlideError(path, *kind)
    try:
        with path.open("rb") as file:
            head = file.read(_HEAD_BYTES)
    except IsADirectoryError as error:
        raise UnsupportedSlideError(path, *FOLDER) from error
    except OSError as error:
        raise UnreadableSlideError(path, error.strerror or str(error)) from error
    if not head:
        raise UnreadableSlideError(path, "the file is empty")
    start = head.lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml", b"<error", b"{")):
        raise UnreadableSlideError(path, "it is a text, such as a server's error message, and no image")
    return head


def _by_openslide_or_plain(stack: ExitStack, path: Path, head: bytes) -> SlideReader:
    """By OpenSlide what it knows; else as a plain picture, if it is one."""
    # Imported when it is needed: most slides of a cohort can do without.
    from slidemill.slides.openslide_reader import knows, open_with_openslide

    if not knows(path):
        _refuse_known_kind(path, head)
        is_plain, tag_um_per_px = _plain_picture(path, head)
        if is_plain:
            from slidemill.slides.plain_reader import open_plain

            return stack.enter_context(open_plain(path, tag_um_per_px))
    return stack.enter_context(open_with_openslide(path))


def _refuse_known_kind(path: Path, head: bytes) -> None:
    if (kind := known_kind(path, head)) is not None:
        raise UnsupportedSlideError(path, *kind)


def _plain_picture(path: Path, head: bytes) -> tuple[bool, tuple[float, float] | None]:
    """Whether a file is a picture without tiles, and microns per pixel by its tags, where it has any."""
    if is_plain_picture(head):
        return True, None
    with _errors_of_tiff(path), open_tiff(path) as file:
        if file is None or not file.directories:
            return False, None
        refuse_pixels(file.directories[0])
        return is_untiled(file.directories[0]), tag_um_per_px(file.directories[0])


def _direct(stack: ExitStack, path: Path) -> SlideReader:
    with _errors_of_tiff(path):
        file = stack.enter_context(open_tiff(path))
        if file is None:
            raise UnsupportedTiffError("no TIFF file")
        return direct_reader(path, file, read_tiff_slide(file))


@contextmanager
def _errors_of_tiff(path: Path) -> Iterator[None]:
    """Errors of a TIFF file as those of the slide."""
    try:
        yield
    except NotRgbError as error:
        raise NotBrightfieldError(path, str(error)) from error
    except DeepTiffError as error:
        raise DeepColoursError(path, error.bits) from error
    except (DamagedTiffError, OSError) as error:
        raise UnreadableSlideError(path, str(error)) from error
