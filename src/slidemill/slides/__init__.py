"""Whole-slide images: one interface to read them, whatever the file format."""

from slidemill.slides.bounds import Bounds, from_viewer, shown_part, to_viewer
from slidemill.slides.not_downloaded import SlideNotDownloadedError
from slidemill.slides.opening import open_slide
from slidemill.slides.reader import (
    NotBrightfieldError,
    ReaderChoice,
    ReaderName,
    SlideError,
    SlideProperties,
    SlideReader,
    UnreadableSlideError,
    UnsupportedSlideError,
    read_square,
)
from slidemill.slides.resolution import Resolution, ResolutionMissingError, resolution_of

__all__ = [
    "Bounds",
    "NotBrightfieldError",
    "ReaderChoice",
    "ReaderName",
    "Resolution",
    "ResolutionMissingError",
    "SlideError",
    "SlideNotDownloadedError",
    "SlideProperties",
    "SlideReader",
    "UnreadableSlideError",
    "UnsupportedSlideError",
    "from_viewer",
    "open_slide",
    "read_square",
    "resolution_of",
    "shown_part",
    "to_viewer",
]
