import logging
import math
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from slidemill.training import tracking
from slidemill.training.history import EpochRow
from slidemill.training.preemption import PreemptedError
from slidemill.training.tracking import TrackedRun, Tracker, tracking_uri

OFF = """
import sys
from slidemill.training import session
from slidemill.training.tracking import TrackedRun, Tracker
with Tracker(None) as tracker:
    tracker.begin(TrackedRun("small_cnn", "ab", False, {}, {}), [])
    tracker.report([])
assert not [name for name in sys.modules if name.split(".")[0] == "mlflow"]
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A look into MLflow's files; what a Tracker sets in the environment is taken back afterwards."""
    for name, value in (tracking._SETTINGS | tracking._PATIENCE).items():
        monkeypatch.setenv(name, value)
    from mlflow import MlflowClient

    return MlflowClient(uri_in(tmp_path))


def uri_in(folder):
    return tracking_uri("auto", folder / "mlflow")


def run(*, goes_on=False, fingerprint="ab" * 32, **parameters):
    return TrackedRun("small_cnn", fingerprint, goes_on, {"learning_rate": 0.1} | parameters, {"slidemill.ranks": "2"})


def rows(count, *, auc=0.9):
    return [EpochRow(epoch, 0.1, 1.0 / epoch, 0.5, 2.0 / epoch, 0.5, auc) for epoch in range(1, count + 1)]


def runs(client):
    experiment = client.get_experiment_by_name("slidemill")
    return client.search_runs([experiment.experiment_id])


def curve(client, tracked, name):
    return [(point.step, point.value) for point in client.get_metric_history(tracked.info.run_id, name)]


def test_epochs_parameters_and_results_of_a_training_are_told(client, tmp_path):
    model, plan = tmp_path / "model.keras", tmp_path / "plan.json"
    model.write_bytes(b"model")
    plan.write_text("{}")
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(architecture="small_cnn"), [])
        tracker.report(rows(1))
        tracker.report(rows(2))
        tracker.keep(model, plan)
    (tracked,) = runs(client)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params == {"learning_rate": "0.1", "architecture": "small_cnn"}
    assert curve(client, tracked, "train_loss") == [(1, 1.0), (2, 0.5)]
    assert curve(client, tracked, "validation_auc") == [(1, 0.9), (2, 0.9)]
    assert tracked.data.tags["slidemill.model"] == str(model)
    assert tracked.data.tags["slidemill.model_sha256"].startswith("9372c470")  # of b"model"
    assert [file.path for file in client.list_artifacts(tracked.info.run_id)] == ["plan.json"]


def test_the_commit_is_told_where_the_sources_are_a_checkout(client, tmp_path):
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), [])
    (tracked,) = runs(client)
    checkout = Path(tracking.__file__).parents[3]
    git = ["git", "-C", checkout, "rev-parse", "HEAD"]
    commit = subprocess.check_output(git, text=True).strip() if (checkout / ".git").exists() else None
    assert tracked.data.tags.get("mlflow.source.git.commit") == commit


def test_an_interrupted_training_goes_on_in_its_run_and_fills_what_is_missing(client, tmp_path):
    with pytest.raises(PreemptedError), Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(stall_seconds=5), [])
        tracker.report(rows(1))
        raise PreemptedError(2, 5)
    (interrupted,) = runs(client)
    assert interrupted.info.status == "KILLED"
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(goes_on=True, stall_seconds=9), rows(3))
        tracker.report(rows(4))
    (tracked,) = runs(client)
    assert tracked.info.run_id == interrupted.info.run_id
    assert tracked.info.status == "FINISHED"
    assert [step for step, _ in curve(client, tracked, "train_loss")] == [1, 2, 3, 4]
    assert tracked.data.params["stall_seconds"] == "5"  # of the start; MLflow lets nobody change it


def test_other_trainings_and_fresh_starts_have_runs_of_their_own(client, tmp_path):
    for new in (run(), run(), run(fingerprint="cd" * 32, goes_on=True)):
        with Tracker(uri_in(tmp_path)) as tracker:
            tracker.begin(new, rows(1))
    assert len(runs(client)) == 3


def test_a_training_that_fails_is_told_as_failed(client, tmp_path):
    with pytest.raises(ZeroDivisionError), Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), [])
        raise ZeroDivisionError
    (tracked,) = runs(client)
    assert tracked.info.status == "FAILED"


def test_an_auc_that_is_not_computable_is_left_out(client, tmp_path):
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), rows(1, auc=math.nan))
    (tracked,) = runs(client)
    assert "validation_auc" not in tracked.data.metrics
    assert tracked.data.metrics["validation_loss"] == 2.0


def test_telemetry_is_off(client, tmp_path):
    from mlflow.telemetry.utils import is_telemetry_disabled

    assert tracking._SETTINGS["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert is_telemetry_disabled()


@contextmanager
def dead_server(*, answers_connections):
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        if answers_connections:
            server.listen()
        yield f"http://user:secret@127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.parametrize("hangs", [False, True])
def test_a_dead_server_neither_stops_nor_delays_a_training(client, monkeypatch, caplog, hangs):
    monkeypatch.setattr(tracking, "_LAST_SECONDS", 8.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "2")
    with caplog.at_level(logging.WARNING, "slidemill"), dead_server(answers_connections=hangs) as uri:
        with Tracker(uri) as tracker:
            start = time.monotonic()
            tracker.begin(run(), [])
            for count in range(1, 4):
                tracker.report(rows(count))
            assert time.monotonic() - start < 1.0
        assert time.monotonic() - start < 12.0
    told = [record.getMessage() for record in caplog.records if "cannot be told" in record.getMessage()]
    assert len(told) == 1
    assert "the training goes on" in told[0]
    assert "secret" not in caplog.text


def test_nothing_of_mlflow_is_imported_when_tracking_is_off():
    subprocess.run([sys.executable, "-c", OFF], check=True)


def test_where_a_training_is_tracked(tmp_path, monkeypatch):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    assert tracking_uri(None, tmp_path) is None
    assert tracking_uri("auto", tmp_path / "mlflow") == f"file://{tmp_path}/mlflow"
    assert tracking_uri(str(tmp_path), tmp_path / "mlflow") == f"file://{tmp_path}"
    assert tracking_uri("https://mlflow.example.org", tmp_path) == "https://mlflow.example.org"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert tracking_uri("auto", tmp_path) == "http://localhost:5000"
    assert tracking_uri(None, tmp_path) is None
