"""What readers note, in a file that only grows: a line of JSON for each note.

A line is written at once, to the end of the file, under a lock, and is on the disk before its writer is told so. A
writer that was killed in the middle leaves a line without an end: the next one ends it, and readers pass over it.
"""

import json
import math
import os
import secrets
import threading
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self, get_args
from typing import Literal as _Literal

from slidemill.errors import SlidemillError
from slidemill.locks import only_one
from slidemill.slides.reader import LARGEST_SIDE_PX
from slidemill.viewing.known_files import Signature, signature_of

Mark = _Literal["agree", "disagree", "look again", "note"]
MARKS: tuple[str, ...] = get_args(Mark)
MOST_TEXT = 4_000
_MOST_NAME = 200
MOST_BYTES = 64 * 2**20  # of the file: some hundred thousand notes


class NoteError(SlidemillError):
    """A note that is not taken."""


@dataclass(frozen=True, slots=True)
class NotePlace:
    """Where on a slide, level-0 pixels: the top left corner and the side of a square; of a point the side is 0."""

    x: float
    y: float
    size: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Note:
    """What a reader noted.

    Attributes:
        id: of the note.
        time: when it was taken, ISO 8601 in UTC.
        slide: slide_id.
        place: on the slide; None for all of it.
        mark: one of `MARKS`.
        text: free.
        run: key of the run that was looked at; may be empty.
        reader: who noted it; may be empty.
    """

    id: str
    time: str
    slide: str
    place: NotePlace | None
    mark: str
    text: str
    run: str
    reader: str

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Check what a client or a line says.

        Raises:
            NoteError: it is none.
        """
        if unknown := sorted(set(values) - {"id", "time", "slide", "place", "mark", "text", "run", "reader"}):
            raise NoteError(f"a note has no {unknown[0]!r:.40}")
        if values.get("mark") not in MARKS:
            raise NoteError(f"mark: expected one of {', '.join(MARKS)}")
        return cls(
            id=_text(values, "id", _MOST_NAME),
            time=_text(values, "time", _MOST_NAME),
            slide=_text(values, "slide", _MOST_NAME),
            place=_place(values.get("place")),
            mark=values["mark"],
            text=_text(values, "text", MOST_TEXT),
            run=_text(values, "run", _MOST_NAME),
            reader=_text(values, "reader", _MOST_NAME),
        )

    def as_json(self) -> dict[str, Any]:
        """As clients read it."""
        return asdict(self)


class Notes:
    """The notes in a file; for any number of threads and processes.

    Args:
        path: of the file, which is made with the first note.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._known: tuple[Signature, list[Note]] | None = None

    def all(self) -> list[Note]:
        """Every note, in the order in which they were taken. Lines that are none are passed over."""
        signature = signature_of(self._path)
        if signature is None:
            return []
        with self._lock:
            if self._known is None or self._known[0] != signature:
                lines = self._path.read_bytes().split(b"\n")
                self._known = signature, [note for line in lines if (note := _parsed(line)) is not None]
            return list(self._known[1])

    def add(self, values: Mapping[str, Any]) -> Note:
        """Keep a note; its id and its time are given here.

        Raises:
            NoteError: it is none, or there is no room for it.
        """
        now = datetime.now(UTC).isoformat(timespec="milliseconds")
        note = Note.of({**values, "id": secrets.token_hex(8), "time": now})
        line = json.dumps(note.as_json(), ensure_ascii=False, allow_nan=False).encode() + b"\n"
        with self._lock, only_one(self._path.with_name(f".{self._path.name}.lock"), "a note is kept"):
            self._append(line)
        return note

    def _append(self, line: bytes) -> None:
        is_new = not self._path.exists()
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            size = os.fstat(descriptor).st_size
            if size + len(line) > MOST_BYTES:
                raise NoteError(f"{self._path.name} has {size} bytes and takes no more: move it elsewhere")
            is_torn = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            content = b"\n" + line if is_torn else line
            if os.write(descriptor, content) != len(content):
                raise NoteError("the note was not kept: the disk is full")
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        if is_new:
            _sync_folder(self._path.parent)


def _sync_folder(folder: Path) -> None:
    """The name of a new file is the folder's to keep."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    except OSError:  # some shares know no such thing
        pass
    finally:
        os.close(descriptor)


def _parsed(line: bytes) -> Note | None:
    try:
        values = json.loads(line)
        return Note.of(values) if isinstance(values, dict) else None
    except (ValueError, NoteError, RecursionError):
        return None


def _text(values: Mapping[str, Any], name: str, most: int) -> str:
    text = values.get(name)
    if text is None:
        return ""
    if not isinstance(text, str):
        raise NoteError(f"{name}: expected a text")
    if any("\ud800" <= letter <= "\udfff" for letter in text):
        raise NoteError(f"{name}: half a letter, which no file can hold")
    if len(text) > most:
        raise NoteError(f"{name}: {len(text)} characters are more than {most}")
    return text


def _place(values: object) -> NotePlace | None:
    if values is None:
        return None
    if not isinstance(values, dict) or set(values) - {"x", "y", "size"}:
        raise NoteError("place: expected x, y and size, or null")
    x, y, size = (_number(values.get(name, 0)) for name in ("x", "y", "size"))
    if size < 0:
        raise NoteError("place: size is below 0")
    return NotePlace(x, y, size)


def _number(value: object) -> float:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not math.isfinite(value) or abs(value) > LARGEST_SIDE_PX:  # type: ignore[arg-type]
        raise NoteError("place: expected numbers of level-0 pixels")
    return float(value)  # type: ignore[arg-type]
