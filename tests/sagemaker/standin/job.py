"""A job of either kind: what the API tells of it, and the thread that runs it."""

import json
import threading
import time
import traceback
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .attempt import Attempt, Events, Outcome
from .hosts import Host, Network
from .logs import LogStream
from .storage import Storage

ACCOUNT = "123456789012"


@dataclass
class Platform:
    """What jobs run on.

    Attributes:
        endpoint: address of all services, as hosts and this process reach it.
        region: of all jobs.
        network: to which hosts are wired.
        folder: for the files of hosts.
        grace_seconds: between SIGTERM and SIGKILL.
        storage: S3.
        logs: client of CloudWatch Logs.
        entrypoints: command of an image that is not slidemill's own, by its name.
        invocation_seconds: in which an endpoint has to answer.
        models: gives the request that made a model, by its name.
    """

    endpoint: str
    region: str
    network: Network
    folder: Path
    grace_seconds: float
    storage: Storage
    logs: Any
    entrypoints: dict[str, list[str]] = field(default_factory=dict)
    invocation_seconds: float = 60.0
    models: Callable[[str], dict[str, Any]] = field(default=lambda name: {})

    def environment(self) -> dict[str, str]:
        """What the service gives every container. Credentials come with the role; here any will do."""
        return {
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": "stand-in",
            "AWS_SECRET_ACCESS_KEY": "stand-in",
        }


@dataclass
class Job:
    """A job.

    Attributes:
        kind: Training, Processing or Transform.
        request: as it was created.
        platform: what it runs on.
        facts: what Describe answers besides the request; times in seconds since 1970.
        events: what happens to it from outside.
    """

    kind: str
    request: dict[str, Any]
    platform: Platform
    facts: dict[str, Any] = field(default_factory=dict)
    events: Events = field(default_factory=Events)
    hosts: list[Host] = field(default_factory=list)
    _lock: threading.RLock = field(default_factory=threading.RLock)  # of what is told

    def __post_init__(self) -> None:
        arn = f"arn:aws:sagemaker:{self.platform.region}:{ACCOUNT}:{self.kind.lower()}-job/{self.name}"
        self.facts.update({f"{self.kind}JobArn": arn, "CreationTime": time.time()})
        self.tell("InProgress")

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.request[f"{self.kind}JobName"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.facts[f"{self.kind}JobArn"])

    @property
    def status(self) -> str:
        """InProgress, Completed, Failed, Stopping or Stopped."""
        return str(self.facts[f"{self.kind}JobStatus"])

    def description(self) -> dict[str, Any]:
        """All that is known of it."""
        return {**self.request, **self.facts}

    def tell(self, status: str | None = None, **facts: Any) -> None:
        """Change what Describe answers; without a status, it stays what it is."""
        with self._lock:
            self.facts.update(facts)
            self.facts.update({f"{self.kind}JobStatus": status or self.status, "LastModifiedTime": time.time()})

    def start(self) -> None:
        """Run it, in a thread of its own."""
        threading.Thread(target=self._run_safely, daemon=True).start()

    def stop(self) -> bool:
        """As StopTrainingJob and StopProcessingJob do; False where there is nothing to stop, as it has ended."""
        with self._lock:
            if self.status != "InProgress":
                return False
            self.tell("Stopping")
            self.events.stop.set()
            return True

    def run(self) -> None:
        """Run it to its end, and tell how it ended."""
        raise NotImplementedError

    def _run_safely(self) -> None:
        try:
            self.run()
        except Exception as error:
            traceback.print_exc()
            self.tell("Failed", FailureReason=f"InternalServerError: {error!r}")

    def _make_hosts(self, count: int, attempt: int) -> None:
        folder = self.platform.folder / self.name / str(attempt)
        names = [f"algo-{number + 1}" for number in range(count)]
        self.hosts = [self.platform.network.host(name, folder / name) for name in names]

    def _run_attempt(
        self, command: list[str], environment: Mapping[str, str], *, seconds: float, meanwhile: Any = lambda: None
    ) -> Outcome:
        """Start the containers and wait until they have ended; their networks are gone then."""
        names = {host.name: host.address for host in self.hosts}
        for host in self.hosts:
            host.start(command, {**self.platform.environment(), **environment}, names=names)
        group, started = f"/aws/sagemaker/{self.kind}Jobs", int(time.time() * 1000)
        streams = [
            LogStream(self.platform.logs, group, f"{self.name}/{host.name}-{started}", host.log) for host in self.hosts
        ]

        def watch() -> None:
            meanwhile()
            for stream in streams:
                stream.send_new_lines()

        attempt = Attempt(
            self.hosts, self.events, time.monotonic() + seconds, self.platform.grace_seconds, meanwhile=watch
        )
        outcome = attempt.run()
        for stream in streams:
            stream.send_new_lines(last=True)
        for host in self.hosts:
            host.remove()
        return outcome


def write_json(path: Path, content: object) -> None:
    """Write one of the files that tell a container about its job."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content, indent=2, default=str))


def message_of(path: Path) -> str:
    """The first 1024 characters of a file in which a container says why it failed, if it wrote one."""
    return path.read_text(errors="replace")[:1024] if path.exists() else ""
