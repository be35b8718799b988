"""The operations of SageMaker that have to do with jobs, and tags of whatever there is."""

import threading
import time
from collections.abc import Callable
from typing import Any

from .endpoints import EndpointService, Resource
from .errors import ServiceError
from .job import Job, Platform
from .listing import listed
from .processing import ProcessingJob
from .requests import answer, violations
from .training import TrainingJob
from .transform import TransformJob

_KINDS: dict[str, type[Job]] = {"Training": TrainingJob, "Processing": ProcessingJob, "Transform": TransformJob}


class JobService:
    """Jobs of all kinds.

    Args:
        platform: on which they run.

    Attributes:
        platform: the same.
        endpoints: what else there is.
    """

    def __init__(self, platform: Platform) -> None:
        self.platform = platform
        self.endpoints = EndpointService(platform)
        platform.models = self.endpoints.model
        self._jobs: dict[tuple[str, str], Job] = {}
        self._lock = threading.Lock()
        self.operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "AddTags": self._add_tags,
            "ListTags": self._list_tags,
            **self.endpoints.operations,
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
        return next(job for (_, own), job in list(self._jobs.items()) if own == name)

    def end_all(self) -> None:
        """Stop all jobs that run, and wait for them; end all endpoints."""
        self.endpoints.end_all()
        for job in self._running():
            job.stop()
        while self._running():
            time.sleep(0.1)

    def _running(self) -> list[Job]:
        return [job for job in list(self._jobs.values()) if job.status in ("InProgress", "Stopping")]

    def _create(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        name = request[f"{kind}JobName"]
        if kind == "Transform":
            self.endpoints.model(request["ModelName"])
        with self._lock:
            if (kind, name) in self._jobs:
                message = "Job name must be unique within an AWS account and region"
                raise ServiceError("ResourceInUse", f"{message}, and there is a {kind.lower()} job with this name")
            job = self._jobs[kind, name] = _KINDS[kind](kind, request, self.platform)
        job.start()
        return {f"{kind}JobArn": job.arn}

    def _describe(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        return answer(f"Describe{kind}Job", self._find(kind, request).description())

    def _stop(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        job = self._find(kind, request)
        if not job.stop():
            message = f"The request was rejected because the {kind.lower()} job is in status {job.status}."
            raise ServiceError("ValidationException", message)
        return {}

    def _list(self, kind: str, request: dict[str, Any]) -> dict[str, Any]:
        with self._lock:
            jobs = [job for (own, _), job in self._jobs.items() if own == kind]
        keys = [f"{kind}JobName", f"{kind}JobArn", f"{kind}JobStatus", "CreationTime", "LastModifiedTime"]
        return listed(f"{kind}JobSummaries", jobs, keys, request)

    def _add_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        job = self._of_arn(request["ResourceArn"])
        tags = {tag["Key"]: tag for tag in [*job.request.get("Tags", []), *request["Tags"]]}
        job.request["Tags"] = list(tags.values())
        return {"Tags": job.request["Tags"]}

    def _list_tags(self, request: dict[str, Any]) -> dict[str, Any]:
        return {"Tags": self._of_arn(request["ResourceArn"]).request.get("Tags", [])}

    def _of_arn(self, arn: str) -> Job | Resource:
        for tagged in [*self._jobs.values(), *self.endpoints.resources()]:
            if tagged.arn == arn:
                return tagged
        raise ServiceError("ValidationException", "Requested resource not found.")

    def _find(self, kind: str, request: dict[str, Any]) -> Job:
        try:
            return self._jobs[kind, request[f"{kind}JobName"]]
        except KeyError:
            raise ServiceError("ValidationException", "Requested resource not found.") from None
