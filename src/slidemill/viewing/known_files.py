"""What files hold, read again only when they change: a run that goes on writes them anew, each as a whole."""

import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, NamedTuple, TypeVar

from slidemill.errors import SlidemillError

_T = TypeVar("_T")


class Signature(NamedTuple):
    """What tells one content of a file from another."""

    modified_ns: int
    size: int
    inode: int


@dataclass(frozen=True, slots=True)
class Known(Generic[_T]):
    """What is known of a file.

    Attributes:
        signature: of the file as it was read.
        value: what it holds; None where it cannot be read.
        problem: why it cannot, one sentence; empty where it can.
    """

    signature: Signature
    value: _T | None
    problem: str = ""


def signature_of(path: Path) -> Signature | None:
    """The signature of a file as it is now; None where it is not there."""
    try:
        return signature_of_status(path.stat())
    except (OSError, ValueError):
        return None


def signature_of_status(status: os.stat_result) -> Signature:
    """The signature of a file by what the system says of it."""
    return Signature(status.st_mtime_ns, status.st_size, status.st_ino)


class KnownFiles(Generic[_T]):
    """Remembers what files hold; for any number of threads.

    Args:
        read: what a file holds; a `SlidemillError`, or content that it trips over, is remembered as the file's problem.
        most: files that are remembered, those that were asked for last; None for all.
    """

    def __init__(self, read: Callable[[Path], _T], most: int | None = None) -> None:
        self._read = read
        self._most = most
        self._known: OrderedDict[Path, Known[_T]] = OrderedDict()
        self._lock = threading.Lock()

    def remembered(self, path: Path, signature: Signature) -> Known[_T] | None:
        """What is known, if the file is still the same."""
        known = self._known.get(path)
        return known if known is not None and known.signature == signature else None

    def of(self, path: Path, signature: Signature | None = None) -> Known[_T] | None:
        """What a file holds; None where it is not there.

        Args:
            path: of the file.
            signature: as it is now, where the caller knows.
        """
        signature = signature or signature_of(path)
        if signature is None:
            return None
        known = self.remembered(path, signature)
        if known is None:
            known = self._read_anew(path, signature)
            self._remember(path, known)
        return known

    def _remember(self, path: Path, known: Known[_T]) -> None:
        with self._lock:
            self._known[path] = known
            self._known.move_to_end(path)
            while self._most is not None and len(self._known) > self._most:
                self._known.popitem(last=False)

    def _read_anew(self, path: Path, signature: Signature) -> Known[_T]:
        try:
            return Known(signature, self._read(path))
        except SlidemillError as error:
            return Known(signature, None, str(error))
        except (KeyError, TypeError, ValueError, AttributeError, IndexError, OSError) as error:
            # A file that is whole and holds something else than it should.
            return Known(signature, None, f"{path.name} cannot be read ({type(error).__name__}: {error}).")
