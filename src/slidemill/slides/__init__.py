"""Whole-slide images: one interface to read them, whatever the file format."""

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
    read_square,
)
from slidemill.slides.resolution import Resolution, ResolutionMissingError, resolution_of

__all__ = [
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
    "open_slide",
    "read_square",
    "resolution_of",
]
