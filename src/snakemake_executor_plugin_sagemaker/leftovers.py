"""What an earlier run of Snakemake left behind, because it was killed or lost its connection.

A job that was submitted for the same outputs and would do the same is adopted: its result is waited for. Any other job
that still runs for these outputs is stopped, and is gone before a new one starts, so that no two write one file.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime

from snakemake_executor_plugin_sagemaker.naming import identity_in
from snakemake_executor_plugin_sagemaker.service import JobId, Service, State


@dataclass
class Found:
    """What there was for a job.

    Attributes:
        adopted: does what the job would do.
        stopping: write the same outputs, and were told to stop.
    """

    adopted: JobId | None = None
    stopping: list[JobId] = field(default_factory=list)


class Leftovers:
    """Jobs of earlier runs, listed when the first job is submitted.

    Args:
        prefix: how names of jobs begin.
    """

    def __init__(self, service: Service, prefix: str) -> None:
        self._service = service
        self._prefix = prefix
        self._running: dict[str, list[JobId]] | None = None

    def find(self, identity: str, spec: str, recorded: Iterable[str], is_current: Callable[[datetime], bool]) -> Found:
        """Find the job of an earlier run that does what a new one would do; all others for these outputs are stopped.

        Args:
            identity: of what the job makes.
            spec: S3 URI of the job's specification, the same for submissions that do the same.
            recorded: what Snakemake noted of earlier submissions whose end it did not see.
            is_current: whether a job that was created then, and has ended since, saw the inputs as they are now.
        """
        found = Found()
        for job in self._candidates(identity, recorded):
            status = self._service.describe(job)
            if status is None:
                continue
            same = status.spec == spec and not status.stopping and found.adopted is None
            if same and (status.state is State.RUNNING or (status.state is State.DONE and is_current(status.created))):
                found.adopted = job
            elif status.state is State.RUNNING:
                self._service.stop(job)
                found.stopping.append(job)
        return found

    def _candidates(self, identity: str, recorded: Iterable[str]) -> list[JobId]:
        if self._running is None:
            self._running = defaultdict(list)
            for job in self._service.running(self._prefix):
                self._running[identity_in(job.name, self._prefix) or ""].append(job)
        noted = []
        for text in recorded:
            try:
                noted.append(JobId.parse(text))
            except ValueError:  # of another executor
                continue
        # Each is looked at once: retries in this run are not leftovers.
        return list(dict.fromkeys([*self._running.pop(identity, []), *noted]))
