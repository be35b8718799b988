"""An OpenSlide handle that is opened anew after an error.

OpenSlide keeps the first error of a handle for good: nothing more is read through it. Threads share one handle, because
each has a cache of its own; one that failed is closed when the last thread is done with it.
"""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from openslide import OpenSlide


class _Handle:
    def __init__(self, slide: OpenSlide) -> None:
        self.slide = slide
        self.users = 0


class OpenSlideHandles:
    """The handle that threads share, and those that failed and are still in use.

    Args:
        path: of the slide.
        slide: the first handle, which stays the caller's to close.
    """

    def __init__(self, path: Path, slide: OpenSlide) -> None:
        self._path = path
        self._first = slide
        self._current = _Handle(slide)
        self._lock = threading.Lock()

    @contextmanager
    def borrowed(self) -> Iterator[OpenSlide]:
        """The shared handle, for one read."""
        with self._lock:
            handle = self._current
            handle.users += 1
        try:
            yield handle.slide
        finally:
            with self._lock:
                handle.users -= 1
                if handle is not self._current and not handle.users:
                    self._close(handle)

    def replace(self, failed: OpenSlide) -> None:
        """Put a new handle in the place of one that failed, unless another thread has done so."""
        with self._lock:
            if self._current.slide is failed:
                old, self._current = self._current, _Handle(OpenSlide(self._path))
                if not old.users:
                    self._close(old)

    def close(self) -> None:
        """Close the shared handle, where it is not the caller's."""
        self._close(self._current)

    def _close(self, handle: _Handle) -> None:
        if handle.slide is not self._first:
            handle.slide.close()
