"""The built-in HTTPS client: one file over a few connections, going on where an earlier call stopped."""

import re
import threading
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing
from http import HTTPStatus
from pathlib import Path

import requests
from tqdm import tqdm

from slidemill.cohort.gdc.errors import TransientError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.ranges import RangedFile
from slidemill.cohort.gdc.server import GdcServer
from slidemill.cohort.gdc.verify import RunningMd5

_READ_BYTES = 1 << 18
_LEAST_PART_BYTES = 32 << 20  # a connection of its own is not worth it for less
_CONTENT_RANGE = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")


class _RangesIgnoredError(Exception):
    """The server sent the whole file where a part was asked for."""


def fetch(file: GdcFile, partial: Path, server: GdcServer, *, connections: int) -> RunningMd5:
    """Fetch a file to `partial`, as many bytes as it should have; nothing is said of what they are.

    Args:
        file: what to fetch.
        partial: where to; what is there already is not fetched again.
        server: where from.
        connections: how many to use at once, at most.

    Returns:
        The MD5 of the first bytes: all of them, where they came one after the other in this call.

    Raises:
        TransientError: patience ended without the file; what came is kept.
        RefusedError: the server will not give the file.
    """
    parts = max(1, min(connections, file.size // _LEAST_PART_BYTES))
    with closing(RangedFile(partial, file.size, parts)) as ranged, _progress_bar(file, ranged) as bar:
        try:
            _fetch_parts(file, ranged, server, bar, connections)
        except _RangesIgnoredError:
            ranged.start_over(parts=1)
            bar.reset(file.size)
            _Part(file, ranged, 0, server, bar, threading.Event(), ranges=False).fetch()
        return ranged.md5


def _fetch_parts(file: GdcFile, ranged: RangedFile, server: GdcServer, bar: "tqdm[None]", connections: int) -> None:
    stop = threading.Event()
    if ranged.parts == 1:
        _Part(file, ranged, 0, server, bar, stop).fetch()
        return
    with ThreadPoolExecutor(min(ranged.parts, connections)) as pool:
        try:
            futures = [pool.submit(_Part(file, ranged, part, server, bar, stop).fetch) for part in range(ranged.parts)]
            done, _ = wait(futures, return_when=FIRST_EXCEPTION)
        finally:
            stop.set()  # also for Ctrl-C: the pool waits for its threads
    for future in done:
        future.result()


class _Part:
    """One part of a file, on one connection at a time."""

    def __init__(
        self,
        file: GdcFile,
        ranged: RangedFile,
        part: int,
        server: GdcServer,
        bar: "tqdm[None]",
        stop: threading.Event,
        *,
        ranges: bool = True,
    ) -> None:
        self._file = file
        self._ranged = ranged
        self._part = part
        self._server = server
        self._bar = bar
        self._stop = stop
        self._ranges = ranges

    def fetch(self) -> None:
        for attempt in self._server.patience.attempts(lambda: self._ranged.position(self._part)):
            with attempt:
                if self._ranged.missing(self._part) and not self._stop.is_set():
                    self._fetch_once()

    def _fetch_once(self) -> None:
        first, end = self._ranged.position(self._part), self._ranged.bounds(self._part)[1]
        whole = (first, end) == (0, self._file.size)
        if not self._ranges and not whole:
            self._ranged.rewind(self._part)
            first, whole = 0, True
        headers = {} if whole else {"Range": f"bytes={first}-{end - 1}"}
        with self._server.stream(f"/data/{self._file.file_id}", headers) as response:
            self._check(response, first, whole=whole)
            for content in _contents(response):
                if self._stop.is_set():
                    return
                # A server that sends more than was asked for has no place to write to.
                self._ranged.write(self._part, content[: self._ranged.missing(self._part)])
                self._bar.update(len(content))
                if not self._ranged.missing(self._part):
                    return
        missing = self._ranged.missing(self._part)
        raise TransientError(f"the answer ended {missing} bytes too early")

    def _check(self, response: requests.Response, first: int, *, whole: bool) -> None:
        """Check that the answer holds the bytes that were asked for."""
        if whole and response.status_code == HTTPStatus.OK:
            return
        if response.status_code == HTTPStatus.OK:
            raise _RangesIgnoredError
        found = _CONTENT_RANGE.fullmatch(response.headers.get("Content-Range", ""))
        if response.status_code != HTTPStatus.PARTIAL_CONTENT or found is None or int(found[1]) != first:
            stated = response.headers.get("Content-Range", "no range")
            raise TransientError(f"asked for the bytes from {first} on, the answer has {stated}")
        if found[3] not in ("*", str(self._file.size)):
            raise TransientError(f"the server's file has {found[3]} bytes, the manifest's {self._file.size}")


def _contents(response: requests.Response) -> Iterator[bytes]:
    """What has come, as soon as it has: a connection that breaks later takes nothing away."""
    while content := response.raw.read1(_READ_BYTES, decode_content=False):
        yield content


def _progress_bar(file: GdcFile, ranged: RangedFile) -> "tqdm[None]":
    # disable=None: on terminals only, not in logs.
    return tqdm(total=file.size, initial=ranged.fetched(), desc=file.filename, unit="B", unit_scale=True, disable=None)
