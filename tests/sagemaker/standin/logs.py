"""What containers print, in CloudWatch Logs: a group for the kind of job, a stream for each host."""

import contextlib
import time
from pathlib import Path
from typing import Any


class LogStream:
    """The lines of a host.

    Args:
        client: of CloudWatch Logs.
        group: such as /aws/sagemaker/TrainingJobs.
        stream: such as my-job/algo-1-1700000000.
        file: what the container has printed so far.
    """

    def __init__(self, client: Any, group: str, stream: str, file: Path) -> None:
        self._client = client
        self._group = group
        self._stream = stream
        self._file = file
        self._read = 0
        self._rest = b""
        self._exists = False

    def send_new_lines(self, *, last: bool = False) -> None:
        """Send what was printed since; a line that has no end yet only with `last`."""
        with self._file.open("rb") as file:
            file.seek(self._read)
            text = file.read()
        self._read += len(text)
        *lines, self._rest = (self._rest + text).split(b"\n")
        if last and self._rest:
            lines.append(self._rest)
        if lines:
            self._send([line.decode(errors="replace").rstrip("\r") for line in lines])

    def _send(self, lines: list[str]) -> None:
        if not self._exists:
            self._create()
        now = int(time.time() * 1000)
        events = [{"timestamp": now, "message": line or " "} for line in lines]  # the API takes no empty message
        for start in range(0, len(events), 1000):
            self._client.put_log_events(
                logGroupName=self._group, logStreamName=self._stream, logEvents=events[start : start + 1000]
            )

    def _create(self) -> None:
        with contextlib.suppress(self._client.exceptions.ResourceAlreadyExistsException):
            self._client.create_log_group(logGroupName=self._group)
        self._client.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        self._exists = True
