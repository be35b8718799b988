import hashlib
import logging
import math
import socket
import subprocess
import sys
import warnings
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from slidemill.classifier.models import build_model
from slidemill.training import tracking
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.training.history import EpochRow, StepRow
from slidemill.training.mlflow_model import _signature
from slidemill.training.mlflow_run import TrackedRun
from slidemill.training.model_file import save_model
from slidemill.training.preemption import PreemptedError
from slidemill.training.tracking import Tracker, tracking_uri

from ..waiting import PATIENCE_SECONDS, eventually

OFF = """
import sys
from slidemill.training import session
from slidemill.training.mlflow_run import TrackedRun
from slidemill.training.tracking import Tracker
with Tracker(None) as tracker:
    tracker.begin(TrackedRun("small_cnn", "ab", False, {}, {}), [])
    tracker.report([])
assert not [name for name in sys.modules if name.split(".")[0] == "mlflow"]
"""


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A look into MLflow's files; what a Tracker sets in the environment is taken back afterwards.

    The end of a training waits until all is told, however slow the machine is.
    """
    monkeypatch.setattr(tracking, "_LAST_SECONDS", PATIENCE_SECONDS)
    monkeypatch.setattr(tracking, "_LAST_SECONDS_OF_FAILED", PATIENCE_SECONDS)
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


def steps(*numbers):
    return [StepRow(number, 0.1, 1.0 / number, 0.5) for number in numbers]


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A model file, its description, and the model."""
    path = tmp_path_factory.mktemp("model") / "model.keras"
    model = build_model("small_cnn", input_size=32, class_count=2)
    versions = {"keras": "3.15.1", "tensorflow": "2.21.0"}
    description = ModelDescription("small_cnn", ("normal", "tumour"), 64, 0.5, 32, "resize", "ab" * 32, versions)
    save_model(path, model, description)
    return path, description, model


def test_epochs_parameters_and_files_of_a_training_are_told(client, tmp_path, trained):
    path, description, _ = trained
    plan = tmp_path / "plan.json"
    plan.write_text("{}")
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(architecture="small_cnn"), [])
        tracker.report(rows(1))
        tracker.report(rows(2))
        tracker.keep(path, description, plan)
    (tracked,) = runs(client)
    assert tracked.info.status == "FINISHED"
    assert tracked.data.params == {"learning_rate": "0.1", "architecture": "small_cnn"}
    assert curve(client, tracked, "train_loss") == [(1, 1.0), (2, 0.5)]
    assert curve(client, tracked, "validation_auc") == [(1, 0.9), (2, 0.9)]
    assert tracked.data.tags["slidemill.model"] == str(path)
    assert tracked.data.tags["slidemill.model_sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sorted(file.path for file in client.list_artifacts(tracked.info.run_id)) == ["model", "plan.json"]


def test_mlflow_loads_the_model_and_knows_its_signature(client, tmp_path, trained):
    path, description, model = trained
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), [])
        tracker.keep(path, description)
    (tracked,) = runs(client)
    with warnings.catch_warnings(action="ignore"):  # of MLflow about MLflow
        from mlflow import pyfunc

        loaded = pyfunc.load_model(f"{tracked.info.artifact_uri}/model")
    (inputs,) = loaded.metadata.signature.inputs.to_dict()
    assert inputs["tensor-spec"] == {"dtype": "float32", "shape": (-1, 32, 32, 3)}
    assert loaded.metadata.metadata["classes"] == ["normal", "tumour"]
    tiles = np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)
    np.testing.assert_allclose(loaded.predict(tiles), model.predict(tiles, verbose=0), rtol=1e-5)
    stored = Path(tracked.info.artifact_uri.removeprefix("file://")) / "model" / "data" / "model.keras"
    assert not stored.is_symlink()
    assert stored.read_bytes() == path.read_bytes()


def test_steps_are_told_while_the_training_runs(client, tmp_path, monkeypatch):
    monkeypatch.setattr(tracking, "_SECONDS_BETWEEN_STEPS", -1.0)
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), [])
        for row in steps(*range(1, 401)):
            tracker.report_step(row)
        eventually(lambda: not tracker._steps, "all steps are told")  # they leave the queue when that is done
        (tracked,) = runs(client)
        assert tracked.info.status == "RUNNING"
        assert curve(client, tracked, "step_loss") == [(number, 1.0 / number) for number in range(1, 401)]


def test_steps_that_an_interrupted_training_repeats_are_told_once(client, tmp_path):
    for goes_on, told in ((False, steps(1, 2, 3)), (True, steps(2, 3, 4))):
        with Tracker(uri_in(tmp_path)) as tracker:
            tracker.begin(run(goes_on=goes_on), [])
            for row in told:
                tracker.report_step(row)
    (tracked,) = runs(client)
    assert [step for step, _ in curve(client, tracked, "step_accuracy")] == [1, 2, 3, 4]


def test_what_arrived_without_an_answer_is_not_told_again(client, tmp_path, monkeypatch):
    log_batch, failures = type(client).log_batch, []

    def without_answer(self, run_id, metrics=(), **others):
        log_batch(self, run_id, metrics, **others)
        if metrics and len(failures) < 2:
            failures.append(metrics)
            raise ConnectionError("no answer")

    monkeypatch.setattr(type(client), "log_batch", without_answer)
    with Tracker(uri_in(tmp_path)) as tracker:
        tracker.begin(run(), rows(2))
        for row in steps(1, 2, 3):
            tracker.report_step(row)
    (tracked,) = runs(client)
    assert len(failures) == 2
    assert [step for step, _ in curve(client, tracked, "train_loss")] == [1, 2]
    assert [step for step, _ in curve(client, tracked, "step_loss")] == [1, 2, 3]


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


def told(caplog, text):
    return [record.getMessage() for record in caplog.records if text in record.getMessage()]


def test_a_dead_server_is_told_of_once_and_stops_no_training(client, monkeypatch, caplog):
    monkeypatch.setattr(tracking, "_LAST_SECONDS", 1.0)
    monkeypatch.setattr(tracking, "_RETRY_SECONDS", 0.1)
    with caplog.at_level(logging.WARNING, "slidemill"), dead_server(answers_connections=False) as uri:
        with Tracker(uri) as tracker:
            tracker.begin(run(), [])
            eventually(lambda: told(caplog, "cannot be told"), "it is told that the server does not answer")
            for count in range(1, 4):
                tracker.report(rows(count))
        assert told(caplog, "not waiting longer")
    (line,) = told(caplog, "cannot be told")
    assert "the training goes on" in line
    assert "secret" not in caplog.text


def test_a_server_that_hangs_delays_no_training(client, monkeypatch, caplog):
    """It would delay it for hours."""
    monkeypatch.setattr(tracking, "_LAST_SECONDS", 1.0)
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", str(2 * 3600))
    with caplog.at_level(logging.WARNING, "slidemill"), dead_server(answers_connections=True) as uri:
        with Tracker(uri) as tracker:
            tracker.begin(run(), [])
            for count in range(1, 4):
                tracker.report(rows(count))
        assert told(caplog, "not waiting longer")
    assert "secret" not in caplog.text


@pytest.mark.slow
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


def test_the_signature_of_a_model_of_bags_names_its_inputs():
    encoder = EncoderDescription("drawn", "ab", 12, {"mean": [], "std": []}, "average")
    described = ModelDescription("mean", ("A", "B"), 256, 0.5, 224, "resize", "ab", {}, "mil", encoder)
    signature = _signature(described)
    shapes = {column["name"]: tuple(column["tensor-spec"]["shape"]) for column in signature.inputs.to_dict()}
    assert shapes == {"tiles": (-1, -1, 12), "mask": (-1, -1)}
    assert [column["name"] for column in signature.outputs.to_dict()] == ["scores", "attention"]
