"""The calls to SageMaker, each for both kinds of jobs.

botocore repeats throttled calls and those that met a passing error, with growing pauses (`RETRIES`); what is still an
error then is reported here.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from snakemake_executor_plugin_sagemaker.resources import PROCESSING, TRAINING
from snakemake_executor_plugin_sagemaker.spec import SPEC_VARIABLE

RETRIES = Config(
    retries={"mode": "adaptive", "max_attempts": 10}, user_agent_extra="snakemake-executor-plugin-sagemaker"
)
_PASSING = {"Throttling", "ThrottlingException", "RequestLimitExceeded", "TooManyRequestsException", "InternalFailure",
            "InternalServerError", "ServiceUnavailable", "RequestTimeout", "500", "502", "503", "504"}  # fmt: skip


class State(Enum):
    """What Snakemake has to know of a job."""

    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"


# A status that the service adds one day is an error, not a job that is waited for.
_STATES = {
    "InProgress": State.RUNNING,
    "Stopping": State.RUNNING,
    "Completed": State.DONE,
    "Failed": State.FAILED,
    "Stopped": State.FAILED,
    "Deleting": State.FAILED,
}


def job_noun(kind: str) -> str:
    """What the API calls jobs of a kind in the names of its actions and fields, such as TrainingJob."""
    return f"{kind.capitalize()}Job"


@dataclass(frozen=True, slots=True)
class JobId:
    """Kind and name of a job."""

    kind: str
    name: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @classmethod
    def parse(cls, text: str) -> "JobId":
        """Read `training/NAME` or `processing/NAME`.

        Raises:
            ValueError: the text is something else.
        """
        kind, _, name = text.partition("/")
        if kind not in (PROCESSING, TRAINING) or not name:
            raise ValueError(f"'{text}' names no job of SageMaker.")
        return cls(kind, name)

    @property
    def log_group(self) -> str:
        """Group of the job's streams in CloudWatch."""
        return f"/aws/sagemaker/{job_noun(self.kind)}s"

    def console_link(self, region: str) -> str:
        """Address of the job's page."""
        page = "jobs" if self.kind == TRAINING else "processing-jobs"
        domain = "amazonaws.cn" if region.startswith("cn-") else "aws.amazon.com"
        domain = "amazonaws-us-gov.com" if region.startswith("us-gov-") else domain
        return f"https://{region}.console.{domain}/sagemaker/home?region={region}#/{page}/{self.name}"


@dataclass(frozen=True, slots=True)
class JobStatus:
    """A job as the service describes it.

    Attributes:
        detail: what it does or why it ended, for people.
        spec: S3 URI of its specification; None for a job that is not the plugin's.
        stopping: a running job that was told to stop.
    """

    state: State
    detail: str
    spec: str | None
    created: datetime
    stopping: bool = False


class QuotaError(Exception):
    """The account may not run more instances now."""


class Service:
    """SageMaker.

    Args:
        client: of boto3, with `RETRIES`.
    """

    def __init__(self, client: Any) -> None:
        self._client = client

    def create(self, job: JobId, request: dict[str, Any]) -> None:
        """Start a job.

        A repeated call whose first answer was lost finds its own job: that is a success.

        Raises:
            QuotaError: no more instances of this type now.
            ClientError, BotoCoreError: anything else.
        """
        try:
            self._call("create", job, **request)
        except ClientError as error:
            if error.response["Error"]["Code"] == "ResourceLimitExceeded":
                raise QuotaError(error.response["Error"].get("Message", "")) from error
            found = self.describe(job) if error.response["Error"]["Code"] == "ResourceInUse" else None
            if found is None or found.spec != request["Environment"][SPEC_VARIABLE]:
                raise

    def describe(self, job: JobId) -> JobStatus | None:
        """Status of a job; None if there is no such job.

        Raises:
            ClientError, BotoCoreError: the service did not answer.
        """
        try:
            answer = self._call("describe", job, **{f"{job_noun(job.kind)}Name": job.name})
        except ClientError as error:
            if _not_found(error):
                return None
            raise
        status = answer[f"{job_noun(job.kind)}Status"]
        return JobStatus(
            state=_STATES.get(status, State.FAILED),
            detail=_detail(status, answer),
            spec=answer.get("Environment", {}).get(SPEC_VARIABLE),
            created=answer["CreationTime"],
            stopping=status == "Stopping",
        )

    def stop(self, job: JobId) -> None:
        """Tell a job to stop; one that ended already, or never was, is none to stop."""
        try:
            self._call("stop", job, **{f"{job_noun(job.kind)}Name": job.name})
        except ClientError as error:
            if not _not_found(error):
                raise

    def running(self, prefix: str) -> Iterator[JobId]:
        """Jobs in progress whose name contains the prefix."""
        for kind in (PROCESSING, TRAINING):
            noun = job_noun(kind)
            pages = self._client.get_paginator(f"list_{kind}_jobs").paginate(
                NameContains=prefix, StatusEquals="InProgress"
            )
            for page in pages:
                yield from (JobId(kind, job[f"{noun}Name"]) for job in page[f"{noun}Summaries"])

    def _call(self, verb: str, job: JobId, **parameters: Any) -> dict[str, Any]:
        return getattr(self._client, f"{verb}_{job.kind}_job")(**parameters)


def is_passing(error: Exception) -> bool:
    """Whether the same call may succeed later: throttling, an error of the server, no connection."""
    if isinstance(error, ClientError):
        return error.response["Error"]["Code"] in _PASSING
    return isinstance(error, BotoCoreError)


def _not_found(error: ClientError) -> bool:
    code, message = error.response["Error"]["Code"], error.response["Error"].get("Message", "").lower()
    missing = any(word in message for word in ("not find", "not found", "does not exist"))
    ended = "unable to transition" in message or "cannot be stopped" in message or "already" in message
    return code in ("ResourceNotFound", "ResourceNotFoundException") or (
        code == "ValidationException" and (missing or ended)
    )


def _detail(status: str, answer: dict[str, Any]) -> str:
    secondary = answer.get("SecondaryStatus", "")
    named = f"{status} ({secondary})" if secondary not in ("", status) else status
    reasons = [answer.get("FailureReason", ""), answer.get("ExitMessage", "")]
    if status not in _STATES:
        reasons.append("This version of the plugin does not know the status.")
    return ": ".join([named, *filter(None, reasons)])
