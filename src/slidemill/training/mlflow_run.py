"""A training as a run of MLflow. What is sent twice arrives once: whoever could not send something may just try again.

MLflow is imported when the first thing is sent, and what it and the network raise is raised.
"""

import math
import os
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from slidemill.training.commit import source_commit
from slidemill.training.history import Row, StepRow

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import RunTag

Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]

_EXPERIMENT = "slidemill"
_FINGERPRINT_TAG = "slidemill.training"
_START_TAG = "slidemill.start"

_PLACES = ("epoch", "step", "trial")
_METRICS_PER_REQUEST = 1000  # MLflow's own limit
_STEPS_AT_ONCE = 300


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What MLflow is told of a training when it starts.

    Attributes:
        name: shown in lists.
        fingerprint: of the training; one that goes on is found by it.
        goes_on: whether it took up a checkpoint.
        parameters: what decides what is learned.
        tags: what else is known of it.
        metric_of_rows: a metric that each of its rows has; by it is seen which rows MLflow has.
    """

    name: str
    fingerprint: str
    goes_on: bool
    parameters: Mapping[str, object]
    tags: Mapping[str, str]
    metric_of_rows: str = "learning_rate"


class MlflowRun:
    """The run of one training, which an interrupted one has from before.

    Args:
        uri: of a tracking server, or of a folder.
        training: what is known at its start.
    """

    def __init__(self, uri: str, training: TrackedRun) -> None:
        self._uri = uri
        self._training = training
        self._start = uuid4().hex
        self._opened: tuple[MlflowClient, str] | None = None
        self._last_row = 0
        self._last_step = 0

    def send_rows(self, rows: Sequence[Row]) -> None:
        """Send the rows of the history that the run lacks."""
        client, run_id = self._open()
        new = [row for row in rows if row.place > self._last_row]
        _send_metrics(client, run_id, new)
        self._last_row = max((row.place for row in new), default=self._last_row)

    def send_steps(self, rows: deque[StepRow]) -> None:
        """Send the steps that the run lacks; what is sent leaves the queue, which another thread may fill meanwhile."""
        client, run_id = self._open()
        while rows:
            sent = [rows[place] for place in range(min(len(rows), _STEPS_AT_ONCE))]
            _send_metrics(client, run_id, [row for row in sent if row.step > self._last_step])
            self._last_step = sent[-1].step
            for _ in sent:
                rows.popleft()

    def send_files(self, files: Iterable[Path], tags: Mapping[str, str]) -> None:
        """Send files and whole folders, and what else is known by now."""
        client, run_id = self._open()
        for file in files:
            if file.is_dir():
                client.log_artifacts(run_id, str(file), file.name)
            else:
                client.log_artifact(run_id, str(file))
        client.log_batch(run_id, tags=_tags(tags))

    def end(self, status: Status) -> None:
        """Tell how the training ended."""
        client, run_id = self._open()
        client.set_terminated(run_id, status)

    def reconnect(self) -> None:
        """Ask the next time what the run has: what was sent without an answer may have arrived."""
        self._opened = None

    def _open(self) -> "tuple[MlflowClient, str]":
        from mlflow import MlflowClient

        if self._opened is None:
            client = MlflowClient(self._uri)
            run_id = _run_of(client, self._training, self._start)
            self._last_row = _last_place(client, run_id, self._training.metric_of_rows)
            self._last_step = _last_place(client, run_id, "step_loss")
            self._opened = client, run_id
        return self._opened


def _run_of(client: "MlflowClient", run: TrackedRun, start: str) -> str:
    """The training's run, with all that is known at its start."""
    from mlflow.entities import Param

    experiment_id = _experiment(client)
    wanted = (_FINGERPRINT_TAG, run.fingerprint) if run.goes_on else (_START_TAG, start)
    run_id = _run_with(client, experiment_id, *wanted) or _new_run(client, experiment_id, run, start)
    known = client.get_run(run_id).data.params  # which MLflow lets nobody change
    parameters = [Param(name, str(value)) for name, value in run.parameters.items() if name not in known]
    client.log_batch(run_id, params=parameters, tags=_tags({**run.tags, **source_commit()}))
    client.update_run(run_id, status="RUNNING")
    return run_id


def _experiment(client: "MlflowClient") -> str:
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", _EXPERIMENT)
    found = client.get_experiment_by_name(name)
    return found.experiment_id if found else str(client.create_experiment(name))


def _run_with(client: "MlflowClient", experiment_id: str, tag: str, value: str) -> str | None:
    order = ["attributes.start_time DESC"]
    found = client.search_runs(
        [experiment_id], filter_string=f"tags.`{tag}` = '{value}'", order_by=order, max_results=1
    )
    return found[0].info.run_id if found else None


def _new_run(client: "MlflowClient", experiment_id: str, run: TrackedRun, start: str) -> str:
    tags = {_FINGERPRINT_TAG: run.fingerprint, _START_TAG: start}
    return str(client.create_run(experiment_id, run_name=run.name, tags=tags).info.run_id)


def _last_place(client: "MlflowClient", run_id: str, metric: str) -> int:
    return max((point.step for point in client.get_metric_history(run_id, metric)), default=0)


def _send_metrics(client: "MlflowClient", run_id: str, rows: Sequence[Row]) -> None:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    metrics = [
        Metric(name, value, now, row.place)
        for row in rows
        for name, value in asdict(row).items()
        if name not in _PLACES and not math.isnan(value)  # an AUC that is not computable is left out
    ]
    for start in range(0, len(metrics), _METRICS_PER_REQUEST):
        client.log_batch(run_id, metrics[start : start + _METRICS_PER_REQUEST])


def _tags(tags: Mapping[str, str]) -> list["RunTag"]:
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]
