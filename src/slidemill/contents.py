"""What files hold, in short: whether a file that lies elsewhere, or has another time, is the same as before.

Slides are too large to be read whole for that. Size and samples at fixed places tell one slide from another, and a file
that was cut short or written anew from the whole one; each file is sampled once, and again when its size, its time or
its place on the disk has changed.

Samples may miss a repair of a few bytes. So files about which there is doubt (slides that were set aside, or have
damaged tiles) are read whole, once, and again when they have another time.
"""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text

_SAMPLES = 8
_SAMPLE_BYTES = 2**14
_WHOLE_BYTES = 2**20  # a file of no more is read whole
_THREADS = 16  # that wait for a share

_FORMAT = 1
_Entry = dict[str, Any]


def slide_files(path: Path) -> list[Path]:
    """The files of a slide: the one that the sheet names, and those in the folder of its name (MRXS).

    Raises:
        OSError: the folder cannot be listed.
    """
    folder = path.with_suffix("")
    if path.suffix.lower() == ".mrxs" and folder.is_dir():
        return [path, *sorted(file for file in folder.iterdir() if file.is_file())]
    return [path]


def sampled(path: Path) -> str:
    """Size and samples of a slide's files as a hash: 32 hexadecimal digits.

    Raises:
        OSError: a file cannot be read.
    """
    found = hashlib.sha256()
    for file in slide_files(path):
        name = "" if file == path else file.name  # a slide may be renamed
        with file.open("rb", buffering=0) as content:
            size = os.fstat(content.fileno()).st_size
            found.update(f"{name} {size}\n".encode())
            for start, count in _samples(size):
                found.update(os.pread(content.fileno(), count, start))
    return found.hexdigest()[:32]


def _whole(path: Path) -> str:
    found = hashlib.sha256()
    for file in slide_files(path):
        with file.open("rb") as content:
            found.update(hashlib.file_digest(content, "sha256").digest())
    return found.hexdigest()[:32]


def _samples(size: int) -> Iterator[tuple[int, int]]:
    if size <= _WHOLE_BYTES:
        yield 0, size
        return
    last = size - _SAMPLE_BYTES
    for number in range(_SAMPLES):
        yield last * number // (_SAMPLES - 1), _SAMPLE_BYTES


class KnownContents:
    """What files held when they were last looked at, remembered from one process to the next.

    Args:
        memory: a JSON file to keep it in; without it every file is sampled anew.
        is_in_doubt: whether there is doubt about the content of the file of a name.
    """

    def __init__(self, memory: Path, is_in_doubt: Callable[[str], bool] = lambda _: False) -> None:
        self._memory = memory
        self._is_in_doubt = is_in_doubt
        self._entries = _read(memory)
        self._saved = dict(self._entries)

    def of(self, name: str, path: Path) -> str:
        """What the file of a name holds.

        Args:
            name: of the file for as long as it is the same, wherever it lies.
            path: where it lies now.

        Raises:
            OSError: the file cannot be read.
        """
        entry = self._entries[name] = self._looked_at(name, path)
        return str(entry["content"])

    def read(self, paths: Mapping[str, Path]) -> None:
        """Look at many files, by name, and remember them.

        Raises:
            OSError: a file cannot be read.
        """
        with ThreadPoolExecutor(_THREADS) as pool:
            for _ in pool.map(self.of, paths, paths.values()):
                pass
        self.save_changes()

    def read_whole(self, name: str, path: Path) -> None:
        """Read a file to its last byte, unless that was done: there is doubt about it, and it may be repaired later.

        Raises:
            OSError: the file cannot be read.
        """
        self.of(name, path)
        if "whole" not in self._entries[name]:
            self._entries[name] = self._entries[name] | {"whole": _whole(path)}

    def save_changes(self) -> None:
        """Remember what is new; where that cannot be written, the next process looks at the files again."""
        if self._entries != self._saved:
            with suppress(OSError):
                write_text(self._memory, json.dumps({"format": _FORMAT, "files": self._entries}))
                self._saved = dict(self._entries)

    def _looked_at(self, name: str, path: Path) -> _Entry:
        known = self._entries.get(name, {})
        state = [_state(file) for file in slide_files(path)]
        place = str(path.absolute())
        if known.get("place") == place and known.get("state") == state:
            return known
        samples, times = sampled(path), [one["time"] for one in state]
        entry = {"place": place, "state": state, "times": times, "samples": samples, "content": samples}
        if samples == known.get("samples"):
            entry |= {key: known[key] for key in ("content", "whole") if key in known}
            if times != known["times"] and self._is_in_doubt(name):
                entry["whole"] = _whole(path)
                if entry["whole"] != known.get("whole"):
                    entry["content"] = f"{samples} {entry['whole']}"
        return entry


def _state(file: Path) -> dict[str, int]:
    """What changes with every change of a file."""
    found = file.stat()
    return {"size": found.st_size, "time": found.st_mtime_ns, "changed": found.st_ctime_ns, "number": found.st_ino}


def _read(memory: Path) -> dict[str, _Entry]:
    try:
        found = json.loads(memory.read_text(encoding="utf-8"))
        return dict(found["files"]) if found["format"] == _FORMAT else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def digest_of(values: Iterable[object]) -> str:
    """A hash of values that have a text which tells all of them: 32 hexadecimal digits."""
    found = hashlib.sha256()
    for value in values:
        found.update(f"{value!r}\n".encode())
    return found.hexdigest()[:32]
