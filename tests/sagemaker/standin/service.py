"""The operations of SageMaker that have to do with jobs."""

import threading
import time
from collections.abc import Callable
from typing import Any

from .job import Job, Platform
from .processing import ProcessingJob
from .requests import answer, violations
from .training import TrainingJob

_KINDS: dict[str, type[Job]] = {"Training": TrainingJob, "Processing": ProcessingJob}


class ServiceError(Exception):
    """An error that the service answers.

    Attributes:
        code: such as ValidationException.
        status: of HTTP.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


class JobService:
    """Training and processing jobs.

    Args:
        platform: on which they run.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform = platform
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
        }
        for kind in _KINDS:
            self.operations |= {
                f"Create{kind}Job": lambda request, kind=kind: self._create(kind, request),
                f"Describe{kind}Job": lambda request, kind=kind: self._describe(kind, request),
                f"Stop{kind}Job": lambda request, kind=kind: self._stop(kind, request),
                f"List{kind}Jobs": lambda request, kind=kind: self._list(kind, request),
            }

    def call(self, operation: str, request: dict[str, Any]) -> dict[str, Any]:
        """Answer a call.

        Raises:
            ServiceError: as the service would.
        """
        for violation in violations(operation, request):
            raise ServiceError("ValidationException", violation)
        return self.operations[operation](request)

    def job(self, name: str) -> Job:
        """The job of this name, of either kind."""
        return next(job for (_, own), job in self._jobs.items() if own == name)

    def end_all(self) -> None:
        """Stop all jobs that run, and wait for them."""
        for job in self._running():
            job.stop()
        while self._running():
            time.sleep(0.1)

    def _running(self) -> list[Job]:
        return [job for job in self._jobs.values() if job.status in ("InProgress", "Stopping")]

    def _create(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        name = request[f"{kind}JobName"]
        with self._lock:
            if (kind, name) in self._jobs:
                message = "Job name must be unique within an AWS account and region"
                raise ServiceError("ResourceInUse", f"{message}, and there is a {kind.lower()} job with this name")
            job = self._jobs[kind, name] = _KINDS[kind](kind, request, self._platform)
        job.start()
        return {f"{kind}JobArn": job.arn}

    def _describe(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        return answer(f"Describe{kind}Job", self._find(kind, request).description())

    def _stop(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        job = self._find(kind, request)
        if job.status != "InProgress":
            message = f"The request was rejected because the {kind.lower()} job is in status {job.status}."
            raise ServiceError("ValidationException", message)
        job.stop()
        return {}

    def _list(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            jobs = [job for (own, _), job in self._jobs.items() if own == kind]
        jobs = [job for job in jobs if _matches(job, request)]
        order = f"{kind}JobName" if request.get("SortBy") == "Name" else "CreationTime"
        jobs.sort(key=lambda job: job.description()[order], reverse=request.get("SortOrder") == "Descending")
        start, size = int(request.get("NextToken", 0)), request.get("MaxResults", 10)
        keys = [f"{kind}JobName", f"{kind}JobArn", f"{kind}JobStatus", "CreationTime", "LastModifiedTime"]
        found = [{key: job.description()[key] for key in keys} for job in jobs[start : start + size]]
        more = {"NextToken": str(start + size)} if len(jobs) > start + size else {}
        return {f"{kind}JobSummaries": found, **more}

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self._of_arn(request["ResourceArn"])
        tags = {tag["Key"]: tag for tag in [*job.request.get("Tags", []), *request["Tags"]]}
        job.request["Tags"] = list(tags.values())
        return {"Tags": job.request["Tags"]}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._of_arn(request["ResourceArn"]).request.get("Tags", [])}

    def _of_arn(self, arn: str) -> Job:
        for job in self._jobs.values():
            if job.arn == arn:
                return job
        raise ServiceError("ValidationException", "Requested resource not found.")

    def _find(self, kind: str, request: dict[str, Any]) -> Job:
        try:
            return self._jobs[kind, request[f"{kind}JobName"]]
        except KeyError:
            raise ServiceError("ValidationException", "Requested resource not found.") from None


def _matches(job: Job, request: dict[str, Any]) -> bool:
    facts = job.description()
    return (
        request.get("NameContains", "").lower() in job.name.lower()
        and request.get("StatusEquals", job.status) == job.status
        and facts["CreationTime"] >= request.get("CreationTimeAfter", 0)
        and facts["CreationTime"] <= request.get("CreationTimeBefore", float("inf"))
    )
