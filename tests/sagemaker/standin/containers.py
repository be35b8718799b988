"""Containers that serve a model: `IMAGE serve`, which answers /ping and /invocations on port 8080."""

import http.client
import itertools
import queue
import shutil
import signal
import tarfile
import tempfile
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from .hosts import REPOSITORY, Host
from .job import Platform
from .logs import LogStream
from .storage import split_uri

PORT = 8080
PING_SECONDS = 2
# What `docker build` makes the entry point of the image, at its place there.
ENTRY_SCRIPT = Path("envs/entrypoint.sh")
IN_IMAGE = Path("/opt/slidemill")

_POLL_SECONDS = 0.1


class ContainerError(Exception):
    """A container that cannot serve; its text becomes the FailureReason."""


@dataclass(frozen=True)
class Answer:
    """What a container answered.

    Attributes:
        status: of HTTP; 0 where it did not answer in time.
    """

    status: int
    body: bytes
    content_type: str

    @property
    def is_good(self) -> bool:
        """Whether it is one of success."""
        return 200 <= self.status < 300


@dataclass
class ServingContainers:
    """The same container on some hosts.

    Attributes:
        model: the request that made the model.
        name: of the folder for their files.
        log_group, log_stream: in CloudWatch; each host's stream is named after it.
        environment: beside the model's own.
    """

    platform: Platform
    model: dict[str, Any]
    name: str
    log_group: str
    log_stream: str
    environment: Mapping[str, str] = field(default_factory=dict)
    hosts: list[Host] = field(default_factory=list)

    def start(self, count: int, *, seconds: float) -> None:
        """Start them, and wait until they answer /ping.

        Raises:
            ContainerError: one of them ended, or did not answer in time.
        """
        self._turn = itertools.count()
        self._ended = threading.Event()
        self._started: queue.Queue[Exception | None] = queue.Queue()
        # The kernel ends a host with the thread that has started it, so that is one which stays.
        self._keeper = threading.Thread(target=self._keep, args=(count,), daemon=True)
        self._keeper.start()
        if (problem := self._started.get()) is not None:
            raise problem
        deadline = time.monotonic() + seconds
        for host in self.hosts:
            self._wait_for_ping(host, deadline)

    def invoke(self, body: bytes, content_type: str, accept: str, *, seconds: float) -> Answer:
        """POST /invocations to one of them, in turn."""
        host = self.hosts[next(self._turn) % len(self.hosts)]
        headers = {"Content-Type": content_type, "Accept": accept}
        try:
            return _ask(host, "POST", "/invocations", seconds, body, headers)
        except TimeoutError:
            return Answer(0, b"Your invocation timed out while waiting for a response from container model.", "")
        except OSError as error:
            return Answer(0, str(error).encode(), "")

    def end(self) -> None:
        """SIGTERM, and SIGKILL for who does not end."""
        for host in self.hosts:
            host.send(signal.SIGTERM)
        deadline = time.monotonic() + self.platform.grace_seconds
        while time.monotonic() < deadline and any(host.exit_code() is None for host in self.hosts):
            time.sleep(_POLL_SECONDS)
        for host in self.hosts:
            host.kill()
            host.wait()
        self._ended.set()
        self._keeper.join()
        for host in self.hosts:
            host.remove()

    def _keep(self, count: int) -> None:
        folder = self.platform.folder / self.name
        try:
            self.hosts = [self.platform.network.host(f"model-{n}", folder / f"model-{n}") for n in range(1, count + 1)]
            for host in self.hosts:
                self._start(host)
        except ContainerError as error:
            self.hosts = []
            self._started.put(error)
            return
        self._started.put(None)
        self._send_logs()

    def _start(self, host: Host) -> None:
        container = self.model["PrimaryContainer"]
        self._bring_model(container.get("ModelDataUrl"), host.opt_ml / "model")
        script = host.folder / "upper" / IN_IMAGE.relative_to("/") / ENTRY_SCRIPT
        script.parent.mkdir(parents=True)
        shutil.copy(REPOSITORY / ENTRY_SCRIPT, script)
        command = self.platform.entrypoints.get(container["Image"], [str(IN_IMAGE / ENTRY_SCRIPT)])
        own = {"SAGEMAKER_BIND_TO_PORT": str(PORT), **self.environment}
        environment = {**self.platform.environment(), **own, **container.get("Environment", {})}
        host.start([*command, "serve"], environment, names={host.name: host.address})

    def _bring_model(self, uri: str | None, folder: Path) -> None:
        folder.mkdir(parents=True)
        if uri is None:
            return
        with tempfile.NamedTemporaryFile(suffix=".tar.gz") as file:
            try:
                self.platform.storage.download(*split_uri(uri), Path(file.name))
            except self.platform.storage.client.exceptions.NoSuchKey:
                raise ContainerError(f"Could not find model data at {uri}.") from None
            with tarfile.open(file.name) as archive:
                archive.extractall(folder, filter="data")

    def _wait_for_ping(self, host: Host, deadline: float) -> None:
        while host.exit_code() is None and time.monotonic() < deadline:
            try:
                if _ask(host, "GET", "/ping", PING_SECONDS).status == http.client.OK:
                    return
            except OSError:
                pass
            time.sleep(_POLL_SECONDS)
        message = "The primary container for production variant AllTraffic did not pass the ping health check. "
        raise ContainerError(message + "Please check CloudWatch logs for this endpoint.")

    def _send_logs(self) -> None:
        streams = [
            LogStream(self.platform.logs, self.log_group, f"{self.log_stream}/{host.name}", host.log)
            for host in self.hosts
        ]
        while not self._ended.wait(_POLL_SECONDS):
            for stream in streams:
                stream.send_new_lines()
        for stream in streams:
            stream.send_new_lines(last=True)


def _ask(
    host: Host,
    method: str,
    path: str,
    seconds: float,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    connection = http.client.HTTPConnection(host.address, PORT, timeout=seconds)
    try:
        connection.request(method, path, body, dict(headers or {}))
        answer = connection.getresponse()
        return Answer(answer.status, answer.read(), answer.getheader("Content-Type", "application/octet-stream"))
    except http.client.HTTPException as error:
        raise ConnectionError(repr(error)) from error
    finally:
        connection.close()
