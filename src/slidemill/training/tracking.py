"""Follow a training in MLflow, on a thread of its own: the training never waits for a server, nor fails with it.

MLflow is imported by that thread, and only where a training is tracked. Each time it hears of the training, the thread
sends whatever the run lacks; so a server that was away for a while misses nothing, and a training that was interrupted
goes on in the same run.
"""

import hashlib
import logging
import os
import queue
import re
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Self

from slidemill.training.description import ModelDescription
from slidemill.training.history import Row, StepRow
from slidemill.training.mlflow_model import mlflow_model
from slidemill.training.mlflow_run import MlflowRun, Status, TrackedRun
from slidemill.training.preemption import PreemptedError

_log = logging.getLogger(__name__)

AUTO = "auto"

# How long the end of a training waits for what is still to be sent, and how often that is tried.
_LAST_SECONDS = 20.0
_LAST_SECONDS_OF_FAILED = 3.0  # the error is shown after that, and other ranks may have ended
_MODEL_BYTES_PER_SECOND = 1_000_000  # a model that is sent more slowly is not waited for
_RETRY_SECONDS = 1.0

_SECONDS_BETWEEN_STEPS = 5.0

_SETTINGS = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow 3 refuses plain files without it; its databases need more packages and do not work on every file system.
    "MLFLOW_ALLOW_FILE_STORE": "true",
}
# What was not answered is asked for before it is made again; MLflow's own retries would make it twice.
_PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "30", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0"}


@dataclass(frozen=True, slots=True)
class _Results:
    model: Path
    description: ModelDescription
    files: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class _News:
    rows: tuple[Row, ...]
    status: Status = "RUNNING"
    results: _Results | None = None


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
        self._steps: deque[StepRow] = deque()
        self._steps_told = time.monotonic()

    def begin(self, run: TrackedRun, rows: Sequence[Row]) -> None:
        """Start to tell of a training, whose history has these rows so far."""
        if self._uri is None:
            return
        # Here and not on the thread, beside which native code may read the environment.
        os.environ.update(_SETTINGS)
        os.environ.update({name: os.environ.get(name, value) for name, value in _PATIENCE.items()})
        reporter = _Reporter(self._uri, run, self._steps, self._over)
        self._thread = threading.Thread(target=reporter.listen, args=(self._news,), daemon=True, name="mlflow")
        self._thread.start()
        self.report(rows)

    def report(self, rows: Sequence[Row]) -> None:
        """Tell of the history as it is now."""
        self._tell(_News(tuple(rows)))

    def report_step(self, row: StepRow) -> None:
        """Tell of a finished step, together with those of the next seconds."""
        if self._thread is None:
            return
        self._steps.append(row)
        if time.monotonic() > self._steps_told + _SECONDS_BETWEEN_STEPS:
            self._steps_told = time.monotonic()
            self._tell(self._last)

    def keep(self, model: Path, description: ModelDescription, *files: Path) -> None:
        """Give MLflow copies of the trained model and of files, which should be small."""
        self._tell(replace(self._last, results=_Results(model, description, files)))

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
        seconds = _LAST_SECONDS_OF_FAILED if error else _LAST_SECONDS + self._seconds_for_model()
        self._thread.join(seconds)
        self._over.set()
        if self._thread.is_alive():
            _log.warning("MLflow did not take the end of the training within %g s; not waiting longer", seconds)

    def _seconds_for_model(self) -> float:
        results = self._last.results
        return results.model.stat().st_size / _MODEL_BYTES_PER_SECOND if results else 0.0

    def _tell(self, news: _News) -> None:
        self._last = news
        self._news.put(news)


class _Reporter:
    """The thread's side."""

    def __init__(self, uri: str, run: TrackedRun, steps: deque[StepRow], over: threading.Event) -> None:
        self._uri = uri
        self._run = MlflowRun(uri, run)
        self._steps = steps
        self._over = over  # nobody waits any more
        self._results_sent = False
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
            self._run.reconnect()
            self._warn(error)
            return False
        return True

    def _send(self, news: _News) -> None:
        self._run.send_rows(news.rows)
        self._run.send_steps(self._steps)
        if news.results and not self._results_sent:
            self._send_results(news.results)
            self._results_sent = True
        if news.status != "RUNNING":
            self._run.end(news.status)

    def _send_results(self, results: _Results) -> None:
        with results.model.open("rb") as content:
            sha256 = hashlib.file_digest(content, "sha256").hexdigest()
        tags = {"slidemill.model": str(results.model.absolute()), "slidemill.model_sha256": sha256}
        with mlflow_model(results.model, results.description) as folder:
            self._run.send_files((*results.files, folder), tags)

    def _warn(self, error: Exception) -> None:
        if not self._told:
            reason = _without_secrets(" ".join(str(error).split()))[:300]
            _log.warning(
                "MLflow at %s cannot be told (%s); the training goes on, and history.tsv will have its numbers",
                _without_secrets(self._uri),
                reason or type(error).__name__,
            )
        self._told = True


def _status(error: BaseException | None) -> Status:
    if isinstance(error, PreemptedError | KeyboardInterrupt):
        return "KILLED"
    return "FAILED" if error else "FINISHED"


def _without_secrets(text: str) -> str:
    return re.sub(r"//[^/@\s]+@", "//", text)
