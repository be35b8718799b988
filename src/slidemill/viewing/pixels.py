"""Pixels of slides for the page: tiles of the pyramid, bit for bit those of the file where it has them as JPEG."""

import threading
from collections import OrderedDict

from slidemill.cohort.sheet import Slide
from slidemill.slides import UnreadableSlideError
from slidemill.viewing.answers import tag_of
from slidemill.viewing.known_files import Signature
from slidemill.viewing.slide_answers import SlideAnswers
from slidemill.web.refusals import RefusedError

_KEPT_BYTES = 64 * 2**20  # of tiles that are no tiles of the file and took time to make


class Pixels:
    """Tiles of pyramids; for any number of threads.

    Args:
        slides: opens them.
    """

    def __init__(self, slides: SlideAnswers) -> None:
        self._slides = slides
        self._made = _MadeTiles()

    def tile(self, slide: Slide, level: int, column: int, row: int) -> tuple[bytes, str]:
        """A tile as JPEG, and its tag, which follows from the slide's file.

        Raises:
            RefusedError: there is none, or it cannot be read.
        """
        with self._slides.opened(slide) as opened:
            pyramid, signature = opened.pyramid, opened.signature
            key = (slide.slide_id, signature, level, column, row)
            content = self._made.get(key)
            if content is None:
                try:
                    content = pyramid.jpeg(level, column, row)
                except IndexError:
                    raise RefusedError(404, "there is no such tile; see pyramid of the slide") from None
                except UnreadableSlideError as error:
                    raise RefusedError(404, str(error)) from None
                if not pyramid.is_stored(level):
                    self._made.keep(key, content)
            return content, tag_of(*key)


_Key = tuple[str, Signature, int, int, int]


class _MadeTiles:
    """The tiles that were asked for last, as many as there is room for."""

    def __init__(self) -> None:
        self._tiles: OrderedDict[_Key, bytes] = OrderedDict()
        self._bytes = 0
        self._lock = threading.Lock()

    def get(self, key: _Key) -> bytes | None:
        with self._lock:
            content = self._tiles.get(key)
            if content is not None:
                self._tiles.move_to_end(key)
            return content

    def keep(self, key: _Key, content: bytes) -> None:
        with self._lock:
            if key in self._tiles:
                return
            self._tiles[key] = content
            self._bytes += len(content)
            while self._bytes > _KEPT_BYTES:
                _, oldest = self._tiles.popitem(last=False)
                self._bytes -= len(oldest)
