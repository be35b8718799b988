"""Slides that are open: few at a time, those that were used last."""

import threading
from collections import OrderedDict
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from slidemill.slides import ReaderChoice, SlideReader, open_slide
from slidemill.viewing.known_files import Signature, signature_of
from slidemill.viewing.pyramid import Pyramid

_PLAIN_PIXEL_BYTES = 3  # a plain picture is held decoded
_HANDLE_BYTES = 48 * 2**20  # what a handle may keep: OpenSlide's cache of 32 MiB, and tables of tiles


class SlideGoneError(Exception):
    """The slide's file is not there."""


@dataclass(frozen=True, slots=True)
class OpenedSlide:
    """A slide that can be read.

    Attributes:
        reader: of the slide.
        pyramid: its tiles.
        signature: of its file.
    """

    reader: SlideReader
    pyramid: Pyramid
    signature: Signature


@dataclass(slots=True, eq=False)
class _Entry:
    lock: threading.Lock = field(default_factory=threading.Lock)
    users: int = 0
    opened: OpenedSlide | None = None
    stack: ExitStack = field(default_factory=ExitStack)

    @property
    def bytes(self) -> int:
        if self.opened is None or self.opened.reader.name != "plain":
            return _HANDLE_BYTES
        properties = self.opened.reader.properties
        return properties.width * properties.height * _PLAIN_PIXEL_BYTES


class OpenSlides:
    """Opens slides when they are asked for, and closes those that were not for longest.

    Args:
        reader: how they are opened.
        most: slides that stay open beyond those in use.
        most_bytes: about what they may hold in memory together.
    """

    def __init__(self, reader: ReaderChoice = "auto", *, most: int = 12, most_bytes: int = 2**30) -> None:
        self._reader: ReaderChoice = reader
        self._most = most
        self._most_bytes = most_bytes
        self._entries: OrderedDict[Path, _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def borrowed(self, path: Path) -> AbstractContextManager[OpenedSlide]:
        """An open slide, which stays open in the block.

        Raises:
            SlideGoneError: there is no such file.
            SlideError, MachineTroubleError: it cannot be opened.
        """
        return self._borrowed(path)

    @contextmanager
    def _borrowed(self, path: Path) -> Iterator[OpenedSlide]:
        signature = signature_of(path)
        if signature is None:
            self._forget(path)
            raise SlideGoneError(path)
        entry = self._entry(path, signature)
        try:
            with entry.lock:  # whoever comes second waits until it is open
                if entry.opened is None:
                    entry.opened = self._open(path, signature, entry.stack)
            yield entry.opened
        finally:
            self._give_back(path, entry)

    def close(self) -> None:
        """Close all that nobody uses."""
        with self._lock:
            entries = list(self._entries.items())
            self._entries.clear()
        for _, entry in entries:
            if not entry.users:
                entry.stack.close()

    def _open(self, path: Path, signature: Signature, stack: ExitStack) -> OpenedSlide:
        reader = stack.enter_context(open_slide(path, self._reader))
        return OpenedSlide(reader, Pyramid(reader), signature)

    def _entry(self, path: Path, signature: Signature) -> _Entry:
        with self._lock:
            entry = self._entries.get(path)
            if entry is not None and entry.opened is not None and entry.opened.signature != signature:
                self._drop(path)
                entry = None
            if entry is None:
                entry = self._entries[path] = _Entry()
            self._entries.move_to_end(path)
            entry.users += 1
            return entry

    def _give_back(self, path: Path, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            if entry.users:
                return
            if self._entries.get(path) is not entry:  # it was replaced or dropped meanwhile
                entry.stack.close()
                return
            if entry.opened is None:  # it could not be opened
                self._drop(path)
            self._close_oldest()

    def _close_oldest(self) -> None:
        for path, entry in list(self._entries.items()):
            count, held = len(self._entries), sum(other.bytes for other in self._entries.values())
            if count <= self._most and held <= self._most_bytes:
                return
            if not entry.users:
                self._drop(path)

    def _forget(self, path: Path) -> None:
        with self._lock:
            if path in self._entries:
                self._drop(path)

    def _drop(self, path: Path) -> None:
        entry = self._entries.pop(path)
        if not entry.users:
            entry.stack.close()
