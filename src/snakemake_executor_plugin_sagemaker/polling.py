"""Jobs that were submitted, and what becomes of them."""

import contextlib
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from snakemake_executor_plugin_sagemaker.logs import JobLog
from snakemake_executor_plugin_sagemaker.s3 import S3Uri, write_text
from snakemake_executor_plugin_sagemaker.service import JobId, JobStatus, QuotaError, Service, State, is_passing
from snakemake_executor_plugin_sagemaker.submission import Submission

MAX_SILENT_POLLS = 10  # each with all of botocore's repetitions
SHOWN_LINES = 20


class Verdict(Enum):
    """What a poll found."""

    SAME = "same"
    CHANGED = "changed"
    DONE = "done"
    FAILED = "failed"


@dataclass
class Running:
    """A job that was submitted.

    Attributes:
        label: short name for log lines.
        waiting: what is to be submitted once there is room and no blocker: set until then.
        blockers: jobs of an earlier run that write the same outputs and are stopping.
        own_checkpoints: to be removed once the job is done.
        silent_polls: polls in a row that got no answer.
        detail: what the service last said of it.
    """

    job: JobId
    label: str
    instance_type: str
    log: JobLog
    follow: bool
    own_checkpoints: S3Uri | None = None
    waiting: Submission | None = None
    blockers: list[JobId] = field(default_factory=list)
    silent_polls: int = 0
    detail: str = ""

    @property
    def quota(self) -> tuple[str, str]:
        """Jobs that are equal in this share a quota of instances."""
        return self.job.kind, self.instance_type


class Poller:
    """Starts jobs and asks after them.

    Args:
        s3: client of boto3.
        show: prints a line for the user.
    """

    def __init__(self, service: Service, s3: Any, region: str, show: Callable[[str], None]) -> None:
        self._service = service
        self._s3 = s3
        self._region = region
        self._show = show
        self._starting = threading.Lock()
        self._closed = False
        self._told_about_logs = False

    def close(self) -> None:
        """Start nothing any more; what is being started now is created when this returns."""
        with self._starting:
            self._closed = True

    def start(self, submission: Submission) -> None:
        """Store the specification and create the job, unless closed.

        Raises:
            QuotaError: the account may run no more instances now.
            ClientError, BotoCoreError: it cannot be created.
        """
        with self._starting:
            if self._closed:
                return
            write_text(self._s3, submission.spec_uri, submission.spec.to_json())
            self._service.create(submission.job, submission.request)
        self._show(f"Console: {submission.job.console_link(self._region)}")

    def poll(self, running: Running) -> Verdict:
        """Ask after a job, or try again to start it; `running.detail` then says what was found."""
        try:
            verdict = self._start_again(running) if running.waiting else self._ask(running)
        except (ClientError, BotoCoreError) as error:
            running.silent_polls += 1
            if is_passing(error) and running.silent_polls < MAX_SILENT_POLLS:
                return Verdict.SAME
            running.detail = f"its state is unknown, it was told to stop: {error}"
            with contextlib.suppress(ClientError, BotoCoreError):
                self._service.stop(running.job)
            return Verdict.FAILED
        running.silent_polls = 0
        return verdict

    def failure(self, running: Running) -> str:
        """What the user is told of a job that failed."""
        shown = [] if running.follow else self._last_lines(running)
        if running.follow:
            self._show_log(running)
        problem = [running.log.problem] if running.log.problem else []
        link = f"Console: {running.job.console_link(self._region)}"
        return "\n".join([f"SageMaker job {running.job.name}: {running.detail}", *shown, *problem, link, ""])

    def _last_lines(self, running: Running) -> list[str]:
        running.log.new_lines()
        lines = list(running.log.last)[-SHOWN_LINES:]
        return ["Its last lines:", *(f"    {line}" for line in lines)] if lines else []

    def _start_again(self, running: Running) -> Verdict:
        assert running.waiting is not None  # noqa: S101
        running.blockers = [job for job in running.blockers if self._is_running(job)]
        if running.blockers:
            return Verdict.SAME
        try:
            self.start(running.waiting)
        except QuotaError:
            return Verdict.SAME
        running.waiting = None
        return Verdict.CHANGED

    def _is_running(self, job: JobId) -> bool:
        status = self._service.describe(job)
        return status is not None and status.state is State.RUNNING

    def _ask(self, running: Running) -> Verdict:
        status = self._service.describe(running.job)
        if status is None:
            running.detail = "SageMaker does not know the job (any more)."
            return Verdict.FAILED
        if running.follow:
            self._show_log(running)
        return self._judge(running, status)

    def _judge(self, running: Running, status: JobStatus) -> Verdict:
        changed = status.detail != running.detail
        running.detail = status.detail
        if status.state is State.DONE:
            self._clean_up(running.own_checkpoints)
            return Verdict.DONE
        if status.state is State.FAILED:
            return Verdict.FAILED
        if changed:
            self._show(f"SageMaker job {running.job.name}: {status.detail}")
        return Verdict.CHANGED if changed else Verdict.SAME

    def _show_log(self, running: Running) -> None:
        for line in running.log.new_lines():
            self._show(f"[{running.label}] {line}")
        if running.log.problem and not self._told_about_logs:
            self._told_about_logs = True
            self._show(running.log.problem)

    def _clean_up(self, checkpoints: S3Uri | None) -> None:
        """A job that is done needs its checkpoints no more, and the next one for the same output must not find them."""
        try:
            if checkpoints:
                self._remove(checkpoints)
        except ClientError as error:
            if is_passing(error):
                raise
            self._show(f"{checkpoints}: remove it before the job runs again, or that one goes on from there: {error}")

    def _remove(self, checkpoints: S3Uri) -> None:
        pages = self._s3.get_paginator("list_objects_v2").paginate(
            Bucket=checkpoints.bucket, Prefix=f"{checkpoints.key}/"
        )
        for page in pages:
            keys = [{"Key": entry["Key"]} for entry in page.get("Contents", [])]
            if keys:
                self._s3.delete_objects(Bucket=checkpoints.bucket, Delete={"Objects": keys, "Quiet": True})
