"""Follow a training in MLflow, on a thread of its own: the training never waits for a server, nor fails with it.

MLflow is imported by that thread, and only where a training is tracked. Each time it hears of the training, the thread
sends whatever the run lacks; so a server that was away for a while misses nothing, and a training that was interrupted
goes on in the same run.
"""

import hashlib
import logging
import math
import os
import queue
import re
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self
from uuid import uuid4

from slidemill.training.commit import source_commit
from slidemill.training.history import EpochRow
from slidemill.training.preemption import PreemptedError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import Metric, RunTag

_log = logging.getLogger(__name__)

AUTO = "auto"

_EXPERIMENT = "slidemill"
_FINGERPRINT_TAG = "slidemill.training"
_START_TAG = "slidemill.start"

# How long the end of a training waits for what is still to be sent, and how often that is tried.
_LAST_SECONDS = 20.0
_LAST_SECONDS_OF_FAILED = 3.0  # the error is shown after that, and other ranks may have ended
_RETRY_SECONDS = 1.0

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow 3 refuses plain files without it; its databases need more packages and do not work on every file system.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
# What was not answered is asked for before it is made again; MLflow's own retries would make it twice.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@dataclass(frozen=True, slots=True)
class TrackedRun:
    """What MLflow is told of a training when it starts.

    Attributes:
        name: shown in lists.
        fingerprint: of the training; one that goes on is found by it.
        goes_on: whether it took up a checkpoint.
        parameters: what decides what is learned.
        tags: what else is known of it.
    """

    name: str
    fingerprint: str
    goes_on: bool
    parameters: Mapping[str, object]
    tags: Mapping[str, str]


_Status = Literal["RUNNING", "FINISHED", "FAILED", "KILLED"]


@dataclass(frozen=True, slots=True)
class _News:
    rows: tuple[EpochRow, ...]
    status: _Status = "RUNNING"
    tags: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()


def tracking_uri(choice: str | None, folder: Path) -> str | None:
    """Where a training is tracked.

    Args:
        choice: None for nowhere; "auto" for the environment's MLFLOW_TRACKING_URI, and `folder` where it is not set;
            else the URL of a server or a folder.
        folder: for "auto".
    """
    if choice == AUTO:
        choice = os.environ.get("MLFLOW_TRACKING_URI") or str(folder)
    if choice is None or re.match(r"[a-z+-]+:", choice):
        return choice
    return Path(choice).absolute().as_uri()


class Tracker:
    """Tells MLflow of one training, as a context: leaving it tells how the training ended.

    Args:
        uri: as `tracking_uri` gives it; with None nothing is done, nor imported.
    """

    def __init__(self, uri: str | None) -> None:
        self._uri = uri
        self._news: queue.SimpleQueue[_News] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._over = threading.Event()
        self._last = _News(())

    def begin(self, run: TrackedRun, rows: Sequence[EpochRow]) -> None:
        """Start to tell of a training, of which these epochs are finished."""
        if self._uri is None:
            return
        # Here and not on the thread, beside which native code may read the environment.
        os.environ.update(_SETTINGS)
        os.environ.update({name: os.environ.get(name, value) for name, value in _PATIENCE.items()})
        reporter = _Reporter(self._uri, run, self._over)
        self._thread = threading.Thread(target=reporter.listen, args=(self._news,), daemon=True, name="mlflow")
        self._thread.start()
        self.report(rows)

    def report(self, rows: Sequence[EpochRow]) -> None:
        """Tell of the finished epochs."""
        self._tell(_News(tuple(rows)))

    def keep(self, model: Path, *files: Path) -> None:
        """Tell where the trained model lies; the files, which should be small, are copied to MLflow."""
        if self._thread is None:
            return
        with model.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        tags = {"slidemill.model": str(model.absolute()), "slidemill.model_sha256": sha256}
        self._tell(replace(self._last, tags=tags, files=files))

    def __enter__(self) -> Self:
        """Nothing starts before `begin`."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Tell how the training ended, and wait a little until that is sent."""
        if self._thread is None:
            return
        self._tell(replace(self._last, status=_status(error)))
        seconds = _LAST_SECONDS_OF_FAILED if error else _LAST_SECONDS
        self._thread.join(seconds)
        self._over.set()
        if self._thread.is_alive():
            _log.warning("MLflow did not take the end of the training within %g s; not waiting longer", seconds)

    def _tell(self, news: _News) -> None:
        self._last = news
        self._news.put(news)


class _Reporter:
    """The thread's side."""

    def __init__(self, uri: str, run: TrackedRun, over: threading.Event) -> None:
        self._uri = uri
        self._run = run
        self._over = over  # nobody waits any more
        self._start = uuid4().hex
        self._run_id = ""
        self._told = False

    def listen(self, news: "queue.SimpleQueue[_News]") -> None:
        """Send what comes until the end of the training is sent, or nobody waits for it; only the last news count."""
        latest = _News(())
        while latest.status == "RUNNING":
            latest = news.get()
            while not news.empty():
                latest = news.get()
            while not self._is_sent(latest) and latest.status != "RUNNING" and not self._over.wait(_RETRY_SECONDS):
                pass

    def _is_sent(self, news: _News) -> bool:
        try:
            self._send(news)
        except Exception as error:  # whatever it is, the training goes on
            self._warn(error)
            return False
        return True

    def _send(self, news: _News) -> None:
        from mlflow import MlflowClient

        client = MlflowClient(self._uri)
        self._run_id = self._run_id or _run_of(client, self._run, self._start)
        metrics = _metrics(_missing_rows(client, self._run_id, news.rows))
        client.log_batch(self._run_id, metrics, tags=_tags(news.tags))
        for file in news.files:
            client.log_artifact(self._run_id, str(file))
        if news.status != "RUNNING":
            client.set_terminated(self._run_id, news.status)

    def _warn(self, error: Exception) -> None:
        if not self._told:
            reason = _without_secrets(" ".join(str(error).split()))[:300]
            _log.warning(
                "MLflow at %s cannot be told (%s); the training goes on, and history.tsv will have its numbers",
                _without_secrets(self._uri),
                reason or type(error).__name__,
            )
        self._told = True


def _status(error: BaseException | None) -> _Status:
    if isinstance(error, PreemptedError | KeyboardInterrupt):
        return "KILLED"
    return "FAILED" if error else "FINISHED"


def _run_of(client: "MlflowClient", run: TrackedRun, start: str) -> str:
    """The training's run, which an interrupted one has from before, with all that is known at its start."""
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


def _missing_rows(client: "MlflowClient", run_id: str, rows: Sequence[EpochRow]) -> list[EpochRow]:
    there = {metric.step for metric in client.get_metric_history(run_id, "learning_rate")} if rows else set()
    return [row for row in rows if row.epoch not in there]


def _metrics(rows: Sequence[EpochRow]) -> list["Metric"]:
    from mlflow.entities import Metric

    now = int(time.time() * 1000)
    return [
        Metric(name, value, now, row.epoch)
        for row in rows
        for name, value in asdict(row).items()
        if name != "epoch" and not math.isnan(value)  # an AUC that is not computable is left out
    ]


def _tags(tags: Mapping[str, str]) -> list["RunTag"]:
    from mlflow.entities import RunTag

    return [RunTag(name, value) for name, value in tags.items()]


def _without_secrets(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//", text)
