"""One address for all services: jobs by this package, everything else by moto; and what tests do to jobs."""

import json
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from .errors import ServiceError
from .runtime import invoke, is_invocation
from .service import JobService

_CONTROL = "/_standin/"

StartResponse = Callable[[str, list[tuple[str, str]]], Any]


@dataclass
class Fault:
    """Calls that are to fail.

    Attributes:
        operation: such as DescribeTrainingJob.
        code: the error, such as ThrottlingException.
        status: of HTTP.
        times: how many calls are still to fail.
    """

    operation: str
    code: str
    status: int
    times: int


@dataclass
class Application:
    """A WSGI application.

    Attributes:
        jobs: answers calls that have to do with jobs.
        others: answers all other calls.
    """

    jobs: JobService
    others: Callable[[dict[str, Any], StartResponse], Iterable[bytes]]
    _faults: list[Fault] = field(default_factory=list)
    _calls: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        """Answer a request."""
        path = environ["PATH_INFO"]
        if is_invocation(environ):
            return invoke(self.jobs.endpoints, environ, start_response)
        service, _, operation = environ.get("HTTP_X_AMZ_TARGET", "").partition(".")
        try:
            if path.startswith(_CONTROL):
                return _json(start_response, self._control(path.removeprefix(_CONTROL), _body(environ)))
            self._fail_if_asked(operation)
            if service == "SageMaker" and operation in self.jobs.operations:
                request = _body(environ)
                with self._lock:
                    self._calls.append((operation, request))
                return _json(start_response, self.jobs.call(operation, request))
        except ServiceError as error:
            answer = {"__type": error.code, "message": str(error)}
            return _json(start_response, answer, status=f"{error.status} Error")
        return self.others(environ, start_response)

    def _control(self, action: str, request: dict[str, Any]) -> Any:
        if action == "calls":
            return self._calls
        if action == "fault":
            self._faults.append(Fault(**request))
        elif action == "image":
            self.jobs.platform.entrypoints[request["image"]] = request["entrypoint"]
        elif action == "limit":
            self.jobs.platform.invocation_seconds = request["invocation_seconds"]
        elif action == "interrupt":
            self.jobs.job(request["job"]).events.interrupt.set()
        elif action == "kill":
            job = self.jobs.job(request["job"])
            next(host for host in job.hosts if host.name == request["host"]).kill()
        else:
            raise ServiceError("UnknownAction", action, 404)
        return {}

    def _fail_if_asked(self, operation: str) -> None:
        with self._lock:
            for fault in self._faults:
                if fault.operation == operation and fault.times > 0:
                    fault.times -= 1
                    raise ServiceError(fault.code, "Rate exceeded", fault.status)


def _body(environ: dict[str, Any]) -> dict[str, Any]:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return json.loads(environ["wsgi.input"].read(length) or b"{}")


def _json(start_response: StartResponse, content: object, status: str = "200 OK") -> Iterable[bytes]:
    body = json.dumps(content).encode()
    start_response(status, [("Content-Type", "application/x-amz-json-1.1"), ("Content-Length", str(len(body)))])
    return [body]
