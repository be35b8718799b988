"""Log lines of jobs, from CloudWatch."""

from collections import deque
from collections.abc import Iterator
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from snakemake_executor_plugin_sagemaker.service import JobId

_KEPT_LINES = 200
_LOST = "Log lines cannot be read ({}). Allow logs:DescribeLogStreams and logs:GetLogEvents to see them here."


class JobLog:
    """The log of one job, read as it grows. Each host has a stream.

    Attributes:
        last: the last lines that were read.
        problem: why lines cannot be read; None if they can.
    """

    def __init__(self, client: Any, job: JobId) -> None:
        self._client = client
        self._job = job
        self._tokens: dict[str, str] = {}
        self.last: deque[str] = deque(maxlen=_KEPT_LINES)
        self.problem: str | None = None

    def new_lines(self) -> list[str]:
        """Lines that came since the last call, each with its host in front. Trouble with the log fails no job."""
        lines: list[str] = []
        try:
            for stream in list(self._streams()):
                host = stream.removeprefix(f"{self._job.name}/").rpartition("-")[0] or stream
                lines += (f"{host}: {text}" for text in self._events(stream))
            self.problem = None
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":  # no line was written yet
                self.problem = _LOST.format(error.response["Error"]["Code"])
        except BotoCoreError as error:
            self.problem = _LOST.format(error)
        self.last += lines
        return lines

    def _streams(self) -> Iterator[str]:
        pages = self._client.get_paginator("describe_log_streams").paginate(
            logGroupName=self._job.log_group, logStreamNamePrefix=f"{self._job.name}/"
        )
        for page in pages:
            yield from (stream["logStreamName"] for stream in page["logStreams"])

    def _events(self, stream: str) -> Iterator[str]:
        while True:
            token = self._tokens.get(stream)
            answer = self._client.get_log_events(
                logGroupName=self._job.log_group,
                logStreamName=stream,
                startFromHead=True,
                **({"nextToken": token} if token else {}),
            )
            yield from (event["message"].rstrip("\n") for event in answer["events"])
            self._tokens[stream] = answer["nextForwardToken"]
            if answer["nextForwardToken"] == token or not answer["events"]:
                return
