"""Processing jobs: inputs are downloaded, every host runs the program, outputs are uploaded."""

import time
from typing import Any

from .attempt import Ending
from .channels import ChannelError, Source, bring_files
from .job import Job, message_of, write_json


class ProcessingJob(Job):
    """A processing job."""

    def run(self) -> None:
        """Run it to its end."""
        resources = self.request["ProcessingResources"]["ClusterConfig"]
        self._make_hosts(resources["InstanceCount"], attempt=1)
        self._configure(resources["InstanceType"])
        try:
            self._bring_inputs()
        except ChannelError as error:
            self.tell("Failed", FailureReason=str(error), ProcessingEndTime=time.time())
            return
        application = self.request["AppSpecification"]
        command = [*application["ContainerEntrypoint"], *application.get("ContainerArguments", [])]
        environment = {
            "PROCESSING_JOB_NAME": self.name,
            "PROCESSING_JOB_ARN": self.arn,
            **self.request.get("Environment", {}),
        }
        seconds = self.request.get("StoppingCondition", {}).get("MaxRuntimeInSeconds", 86400)
        self.tell(ProcessingStartTime=time.time())
        outcome = self._run_attempt(command, environment, seconds=seconds)
        facts: dict[str, Any] = {"ProcessingEndTime": time.time()}
        if outcome.ending is Ending.COMPLETED:
            self._upload_outputs()
            self.tell("Completed", **facts)
        elif outcome.ending is Ending.FAILED and outcome.failed:
            failed = outcome.failed
            reason = f"AlgorithmError: See job logs for more information, exit code: {failed.exit_code()}"
            message = message_of(failed.opt_ml / "output/message")
            self.tell("Failed", FailureReason=reason, **({"ExitMessage": message} if message else {}), **facts)
        else:
            self.tell("Stopped", **facts)

    def _configure(self, instance_type: str) -> None:
        names = [host.name for host in self.hosts]
        for host in self.hosts:
            where = {
                "current_host": host.name,
                "current_instance_type": instance_type,
                "hosts": names,
                "network_interface_name": "eth0",
            }
            write_json(host.opt_ml / "config/resourceconfig.json", where)
            write_json(host.opt_ml / "config/processingjobconfig.json", self.description())
            (host.opt_ml / "output").mkdir()
            for output in self._outputs():
                host.inside(output["LocalPath"]).mkdir(parents=True, exist_ok=True)

    def _bring_inputs(self) -> None:
        for entry in self.request.get("ProcessingInputs", []):
            for number, host in enumerate(self.hosts):
                folder = host.inside(entry["S3Input"]["LocalPath"])
                place = {"host": number, "hosts": len(self.hosts), "attempt": 1}
                bring_files(self.platform.storage, Source.of_input(entry), folder, **place)

    def _upload_outputs(self) -> None:
        for output in self._outputs():
            for host in self.hosts:
                self.platform.storage.upload_folder(host.inside(output["LocalPath"]), output["S3Uri"])

    def _outputs(self) -> list[dict[str, str]]:
        return [entry["S3Output"] for entry in self.request.get("ProcessingOutputConfig", {}).get("Outputs", [])]
