"""Training jobs: channels, checkpoints, spot interruptions, model.tar.gz."""

import itertools
import tarfile
import threading
import time
from pathlib import Path
from typing import Any

from .attempt import Ending, Outcome
from .channels import ChannelError, Checkpoints, bring_channels
from .hosts import Host
from .job import Job, message_of, write_json

_CHECKPOINT_FOLDER = "/opt/ml/checkpoints"


class TrainingJob(Job):
    """A training job."""

    def tell(self, status: str | None = None, **facts: Any) -> None:
        """Change what Describe answers; SecondaryStatus follows the status unless it is among the facts."""
        with self._lock:
            secondary = facts.setdefault("SecondaryStatus", "Starting" if status == "InProgress" else status)
            transitions = self.facts.setdefault("SecondaryStatusTransitions", [])
            if not transitions or transitions[-1]["Status"] != secondary:
                transitions.append({"Status": secondary, "StartTime": time.time(), "StatusMessage": secondary})
            super().tell(status, **facts)

    def run(self) -> None:
        """Run it to its end; spot instances that were taken away are followed by others."""
        self.facts["ModelArtifacts"] = {"S3ModelArtifacts": f"{self._output_uri()}/model.tar.gz"}
        self.facts["TrainingStartTime"] = time.time()
        try:
            outcome = self._run_until_not_interrupted()
        except ChannelError as error:
            self._end("Failed", FailureReason=str(error))
            return
        ending = outcome.ending
        if outcome.failed and ending is Ending.FAILED:
            self._end("Failed", FailureReason=_failure(outcome.failed))
            return
        self.tell(SecondaryStatus="Uploading")
        self._upload()
        names = {Ending.COMPLETED: "Completed", Ending.STOPPED: "Stopped", Ending.TIMED_OUT: "Stopped"}
        secondary = "MaxRuntimeExceeded" if ending is Ending.TIMED_OUT else names[ending]
        self._end(names[ending], SecondaryStatus=secondary)

    def _run_until_not_interrupted(self) -> Outcome:
        for number in itertools.count(1):
            outcome = self._run_once(number)
            if outcome.ending is not Ending.INTERRUPTED:
                break
            self.events.interrupt.clear()
            self.tell(SecondaryStatus="Interrupted")
        return outcome

    def _end(self, status: str, **facts: Any) -> None:
        started = self.facts["TrainingStartTime"]
        seconds = max(1, int(time.time() - started))
        times = {"TrainingTimeInSeconds": seconds, "BillableTimeInSeconds": seconds * len(self.hosts)}
        self.tell(status, TrainingEndTime=time.time(), **times, **facts)

    def _run_once(self, number: int) -> Outcome:
        resources = self.request["ResourceConfig"]
        self._make_hosts(resources["InstanceCount"], number)
        self._configure()
        checkpoints = self._bring_checkpoints()
        self.tell(SecondaryStatus="Downloading")
        pipes = bring_channels(
            self.platform.storage,
            self.request.get("InputDataConfig", []),
            self.request["AlgorithmSpecification"]["TrainingInputMode"],
            self.hosts,
            attempt=number,
            cache=self.platform.folder / self.name / "views",
        )
        self.tell(SecondaryStatus="Training")
        ended = threading.Event()
        for pipe in pipes:
            pipe.start(ended)

        def synchronise() -> None:
            for one in checkpoints:
                one.upload_changes()

        try:
            return self._run_attempt(
                self._command(),
                self._environment(),
                seconds=self.request["StoppingCondition"]["MaxRuntimeInSeconds"],
                meanwhile=synchronise,
            )
        finally:
            ended.set()

    def _command(self) -> list[str]:
        algorithm = self.request["AlgorithmSpecification"]
        return [*algorithm.get("ContainerEntrypoint", ["train"]), *algorithm.get("ContainerArguments", [])]

    def _environment(self) -> dict[str, str]:
        own = {"TRAINING_JOB_NAME": self.name, "TRAINING_JOB_ARN": self.arn}
        return {**own, **self.request.get("Environment", {})}

    def _configure(self) -> None:
        names = [host.name for host in self.hosts]
        instance_type = self.request["ResourceConfig"]["InstanceType"]
        group = {
            "instance_group_name": "homogeneousCluster",
            "instance_type": instance_type,
            "hosts": names,
        }
        mode = self.request["AlgorithmSpecification"]["TrainingInputMode"]
        channels = {
            channel["ChannelName"]: {
                "TrainingInputMode": channel.get("InputMode", mode),
                "S3DistributionType": channel["DataSource"]["S3DataSource"].get(
                    "S3DataDistributionType", "FullyReplicated"
                ),
                "RecordWrapperType": channel.get("RecordWrapperType", "None"),
            }
            for channel in self.request.get("InputDataConfig", [])
        }
        for host in self.hosts:
            for folder in ("input/data", "model", "output/data", "code"):
                (host.opt_ml / folder).mkdir(parents=True)
            where = {
                "current_host": host.name,
                "current_instance_type": instance_type,
                "current_group_name": "homogeneousCluster",
                "hosts": names,
                "instance_groups": [group],
                "network_interface_name": "eth0",
            }
            config = host.opt_ml / "input/config"
            write_json(config / "resourceconfig.json", where)
            write_json(config / "hyperparameters.json", self.request.get("HyperParameters", {}))
            write_json(config / "inputdataconfig.json", channels)

    def _bring_checkpoints(self) -> list[Checkpoints]:
        config = self.request.get("CheckpointConfig")
        if not config:
            return []
        folder = config.get("LocalPath", _CHECKPOINT_FOLDER)
        found = [Checkpoints(self.platform.storage, config["S3Uri"], host.inside(folder)) for host in self.hosts]
        for one in found:
            one.download()
        return found

    def _output_uri(self) -> str:
        return f"{self.request['OutputDataConfig']['S3OutputPath'].rstrip('/')}/{self.name}/output"

    def _upload(self) -> None:
        for folder, name in (("model", "model.tar.gz"), ("output/data", "output.tar.gz")):
            archive = self.platform.folder / self.name / name
            _merge([host.opt_ml / folder for host in self.hosts], archive)
            self.platform.storage.upload(archive, f"{self._output_uri()}/{name}")


def _merge(folders: list[Path], archive: Path) -> None:
    with tarfile.open(archive, "w:gz") as tar:
        for folder in folders:
            for path in sorted(folder.iterdir()):
                tar.add(path, arcname=path.name)


def _failure(host: Host) -> str:
    told = message_of(host.opt_ml / "output/failure")
    return f"AlgorithmError: {told}, exit code: {host.exit_code()}"
