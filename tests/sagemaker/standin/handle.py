"""The stand-in as tests hold it: a process of its own, and what can be done to it."""

import json
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .hosts import REPOSITORY
from .storage import Storage, service_client

BUCKET = "slidemill-test"
ENDED = ("Completed", "Failed", "Stopped")


class StandIn:
    """A running stand-in with the bucket `BUCKET`; it ends with the `with` block.

    Args:
        folder: gets the files of hosts, and the stand-in's own log.
        grace_seconds: between SIGTERM and SIGKILL.
        python: of the environment that hosts have.

    Attributes:
        environment: the variables that lead boto3, and so Snakemake, there.
        storage: S3.
        sagemaker, logs, runtime: clients.
    """

    def __init__(self, folder: Path, *, grace_seconds: float = 10.0, python: str = sys.executable) -> None:
        self.folder = folder
        command = ["-m", "tests.sagemaker.standin", "--json", "--bucket", BUCKET]
        command += ["--folder", str(folder / "hosts"), "--grace-seconds", str(grace_seconds)]
        folder.mkdir(parents=True, exist_ok=True)
        with (folder / "standin.log").open("wb") as log:
            self._process = subprocess.Popen([python, *command], cwd=REPOSITORY, stdout=subprocess.PIPE, stderr=log)
        assert self._process.stdout
        told = self._process.stdout.readline()
        assert told, (folder / "standin.log").read_text()
        self.environment: dict[str, str] = json.loads(told)
        self._endpoint, region = self.environment["AWS_ENDPOINT_URL"], self.environment["AWS_REGION"]
        self.storage = Storage.at(self._endpoint, region)
        self.sagemaker = service_client("sagemaker", self._endpoint, region)
        self.logs = service_client("logs", self._endpoint, region)
        self.runtime = service_client("sagemaker-runtime", self._endpoint, region)

    def __enter__(self) -> "StandIn":
        return self

    def __exit__(self, *error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        assert self._process.stdout
        with self._process.stdout:
            self._process.wait()

    def describe(self, kind: str, name: str) -> dict[str, Any]:
        """DescribeTrainingJob or DescribeProcessingJob."""
        return getattr(self.sagemaker, f"describe_{kind.lower()}_job")(**{f"{kind}JobName": name})

    def wait(self, kind: str, name: str, *, until: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """The description of a job as soon as it has ended, or as soon as `until` says so."""
        reached = until or (lambda facts: facts[f"{kind}JobStatus"] in ENDED)
        while not reached(facts := self.describe(kind, name)):
            time.sleep(0.1)
        return facts

    def jobs(self, kind: str) -> dict[str, str]:
        """The status of each job by its name, in order of creation."""
        paginator = self.sagemaker.get_paginator(f"list_{kind.lower()}_jobs")
        entries = [entry for page in paginator.paginate() for entry in page[f"{kind}JobSummaries"]]
        entries.sort(key=lambda entry: entry["CreationTime"])
        return {entry[f"{kind}JobName"]: entry[f"{kind}JobStatus"] for entry in entries}

    def log_lines(self, kind: str, name: str) -> list[str]:
        """What all hosts of a job have printed so far, host after host."""
        group = f"/aws/sagemaker/{kind}Jobs"
        try:
            streams = self.logs.describe_log_streams(logGroupName=group, logStreamNamePrefix=f"{name}/")["logStreams"]
        except self.logs.exceptions.ResourceNotFoundException:  # no job has printed anything
            return []
        lines = []
        for stream in sorted(entry["logStreamName"] for entry in streams):
            events = self.logs.get_log_events(logGroupName=group, logStreamName=stream, startFromHead=True)["events"]
            lines += [event["message"] for event in events]
        return lines

    def let_end(self, name: str, host: str = "algo-1", *, attempt: int = 1) -> None:
        """Make the file /opt/ml/enough on a host, as soon as there is this host; jobs of tests wait for it."""
        folder = self.folder / "hosts" / name / str(attempt) / host / "ml"
        while not folder.exists():
            time.sleep(0.1)
        (folder / "enough").touch()

    def let_serve(self, name: str) -> None:
        """Make the file /opt/ml/enough in the only container of an endpoint, as soon as there is this container."""
        while not (found := list(self.folder.glob(f"hosts/{name}-*/model-1/ml"))):
            time.sleep(0.1)
        (found[0] / "enough").touch()

    def interrupt(self, name: str) -> None:
        """Take the spot instances of a training away; it starts again on others."""
        self._control("interrupt", job=name)

    def kill(self, name: str, host: str) -> None:
        """Break a host of a job."""
        self._control("kill", job=name, host=host)

    def endpoint(self, name: str, *, until: tuple[str, ...] = ("InService", "Failed")) -> dict[str, Any]:
        """The description of an endpoint as soon as it has one of these statuses."""
        while (facts := self.sagemaker.describe_endpoint(EndpointName=name))["EndpointStatus"] not in until:
            time.sleep(0.1)
        return facts

    def wait_for_object(self, uri: str) -> None:
        """Return as soon as there is an object at an address."""
        while not self.storage.keys(uri):
            time.sleep(0.1)

    def set_image(self, image: str, *entrypoint: str) -> None:
        """What `docker run IMAGE` starts; for images that do not come from envs/Dockerfile."""
        self._control("image", image=image, entrypoint=entrypoint)

    def limit(self, *, invocation_seconds: float) -> None:
        """In what time an endpoint has to answer: 60 s at SageMaker."""
        self._control("limit", invocation_seconds=invocation_seconds)

    def fail_next(self, operation: str, *, times: int, code: str = "ThrottlingException", status: int = 400) -> None:
        """Let the next calls of an operation fail."""
        self._control("fault", operation=operation, times=times, code=code, status=status)

    def calls(self) -> list[tuple[str, dict[str, Any]]]:
        """All calls that had to do with jobs so far, with their requests."""
        return [(operation, request) for operation, request in self._control("calls")]

    def _control(self, action: str, **request: Any) -> Any:
        call = urllib.request.Request(f"{self._endpoint}/_standin/{action}", data=json.dumps(request).encode())
        with urllib.request.urlopen(call) as answer:
            return json.load(answer)
