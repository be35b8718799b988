import csv
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from slidemill.training.backend import keras
from slidemill.training.description import read_description
from slidemill.training.model_file import load_model
from slidemill.training.parameters import TrainingOutputs

pytestmark = pytest.mark.slow

PROGRAMS = Path(__file__).parent
SCRIPT = PROGRAMS.parents[1] / "scripts" / "train.py"
EPOCHS = 5


def outputs_in(folder):
    return TrainingOutputs(
        model=folder / "model.keras", history=folder / "history.tsv", checkpoint=folder / "checkpoint.npz"
    )


def arguments(plan, folder, *, ranks=2, **changes):
    outputs = outputs_in(folder)
    options = {
        "expect_ranks": ranks,
        "plan": plan,
        "model": outputs.model,
        "history": outputs.history,
        "checkpoint": outputs.checkpoint,
        "architecture": "small_cnn",
        "input_size": 32,
        "epochs": EPOCHS,
        "batch_size": 16,
        "learning_rate": 0.002,
        "seed": 1,
        "threads": 1,
    } | changes
    return [word for name, value in options.items() for word in (f"--{name.replace('_', '-')}", value)]


def checkpoint_arrays(folder):
    with np.load(outputs_in(folder).checkpoint) as arrays:
        return {name: arrays[name] for name in arrays.files if "/" in name}


def assert_same_training(folder, other):
    """The same curve, weights, moving statistics and optimizer state, to the last bit."""
    assert history(folder) == history(other)
    found, expected = checkpoint_arrays(folder), checkpoint_arrays(other)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


def history(folder):
    with outputs_in(folder).history.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


def tracked_losses(folder):
    """The curve of the only run."""
    from mlflow import MlflowClient

    client = MlflowClient(folder.as_uri())
    (run,) = client.search_runs([client.get_experiment_by_name("slidemill").experiment_id])
    assert run.info.status == "FINISHED"
    return [point.value for point in client.get_metric_history(run.info.run_id, "train_loss")]


@pytest.fixture(scope="module")
def trained(python_on_ranks, shard_plan, tmp_path_factory):
    folder = tmp_path_factory.mktemp("trained")
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, folder))
    assert finished.returncode == 0, finished.stderr
    return folder


def test_small_cnn_learns_to_tell_textures_apart(trained):
    assert max(float(row["validation_accuracy"]) for row in history(trained)) > 0.95


def test_history_has_a_row_for_each_epoch(trained):
    rows = history(trained)
    assert [row["epoch"] for row in rows] == [str(epoch) for epoch in range(1, EPOCHS + 1)]
    assert list(rows[0])[1:] == [
        "learning_rate",
        "train_loss",
        "train_accuracy",
        "validation_loss",
        "validation_accuracy",
        "validation_auc",
    ]


def test_learning_rate_is_scaled_by_the_ranks(trained):
    assert float(history(trained)[0]["learning_rate"]) == pytest.approx(2 * 0.002)


def test_model_tells_its_classes_and_tiles(trained):
    description = read_description(outputs_in(trained).model)
    assert description.classes == ("coarse", "fine")
    assert (description.tile_size_px, description.tile_mpp, description.input_size_px) == (64, 0.5, 32)
    assert len(description.training_data_sha256) == 64
    assert set(description.versions) == {"slidemill", "tensorflow", "keras", "horovod"}


def test_only_the_named_outputs_are_left(trained):
    assert sorted(path.name for path in trained.iterdir()) == ["checkpoint.npz", "history.tsv", "model.keras"]


@pytest.fixture(scope="module")
def killed(python_on_ranks, shard_plan, tmp_path_factory):
    """The outputs of a training that was killed inside its third epoch, and where it was tracked."""
    folder, mlflow = tmp_path_factory.mktemp("killed") / "outputs", tmp_path_factory.mktemp("mlflow")
    folder.mkdir()
    often = arguments(shard_plan, folder, checkpoint_steps=2, tracking=mlflow)
    ended = python_on_ranks(2, PROGRAMS / "killed_program.py", *often, environment={"KILLED_AT_STEP": "4"})
    assert ended.returncode != 0
    assert sorted(path.name for path in folder.iterdir()) == ["checkpoint.npz", "checkpoint.npz.step"]
    return folder, mlflow


def test_a_training_killed_inside_an_epoch_goes_on_to_the_same_end(
    trained, killed, python_on_ranks, shard_plan, tmp_path, monkeypatch
):
    outputs, mlflow = killed
    shutil.copytree(outputs, tmp_path, dirs_exist_ok=True)
    often = arguments(shard_plan, tmp_path, checkpoint_steps=2, tracking=mlflow)
    finished = python_on_ranks(2, PROGRAMS / "killed_program.py", *often, environment={"KILLED_AT_STEP": "-1"})
    assert finished.returncode == 0, finished.stderr
    assert "going on after epoch 2 and 4 steps" in finished.stderr
    assert_same_training(tmp_path, trained)
    monkeypatch.setenv("MLFLOW_ALLOW_FILE_STORE", "true")
    assert tracked_losses(mlflow) == [pytest.approx(float(row["train_loss"]), rel=1e-4) for row in history(tmp_path)]


def test_on_another_number_of_ranks_it_goes_on_from_the_last_epoch(
    trained, killed, python_on_ranks, shard_plan, tmp_path
):
    shutil.copytree(killed[0], tmp_path, dirs_exist_ok=True)
    # One rank with twice the batch and twice the learning rate of one learns from as many tiles a step.
    alone = arguments(shard_plan, tmp_path, ranks=1)
    finished = python_on_ranks(1, SCRIPT, *alone)
    assert finished.returncode == 0, finished.stderr
    assert "going on after epoch 2\n" in finished.stderr
    assert "1 ranks with 200 tiles to train on and 80 to validate on each" in finished.stderr  # both shards
    found, expected = history(tmp_path), history(trained)
    assert found[:2] == expected[:2]
    assert len(found) == EPOCHS
    assert float(found[-1]["validation_loss"]) < float(expected[1]["validation_loss"])
    assert float(found[-1]["validation_accuracy"]) > 0.9


def test_sigterm_saves_and_ends_with_the_code_to_run_it_again(trained, python_on_ranks, shard_plan, tmp_path):
    stopped = python_on_ranks(
        2, PROGRAMS / "killed_program.py", *arguments(shard_plan, tmp_path), environment={"TERMINATED_AT_STEP": "4"}
    )
    assert stopped.returncode == 75, stopped.stderr
    # The ranks hear of it in step 4, and have started step 5 when they do.
    assert "stopped by a signal; saved after step 5 of epoch 3" in stopped.stderr
    assert "Traceback" not in stopped.stderr
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert "going on after epoch 2 and 5 steps" in finished.stderr
    assert_same_training(tmp_path, trained)


def test_a_loss_that_is_no_number_stops_all_ranks_and_names_slides(python_on_ranks, shard_plan, tmp_path):
    """And what is saved is from before it."""
    wild = {"learning_rate": 1e30, "warm_up_epochs": 0, "optimizer": "sgd", "checkpoint_steps": 1}
    diverged = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path, **wild))
    assert diverged.returncode == 1
    assert "the loss in step 2 of epoch 1 is not a finite number" in diverged.stderr
    assert "its tiles are of the slides: slide-0, slide-1" in diverged.stderr
    assert "Traceback" not in diverged.stderr
    (saved,) = tmp_path.iterdir()
    with np.load(saved) as arrays:
        assert json.loads(str(arrays["facts"]))["step"] == 1
        assert all(np.isfinite(arrays[name]).all() for name in arrays.files if name.startswith("model/"))


def test_early_stopping_ends_on_all_ranks_with_the_best_model(python_on_ranks, shard_plan, tmp_path):
    wild = {"patience": 1, "learning_rate": 0.05, "epochs": 12}
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path, **wild))
    assert finished.returncode == 0, finished.stderr
    rows = history(tmp_path)
    assert 2 <= len(rows) < 12
    aucs = [float(row["validation_auc"]) for row in rows]
    assert aucs[-1] <= max(aucs[:-1])


def test_weights_frozen_epochs_and_crops_work_together(trained, python_on_ranks, shard_plan, tmp_path):
    """From the trained model's weights a new head finds the classes at once, while the network stands still."""
    options = {
        "weights": outputs_in(trained).model,
        "frozen_epochs": 1,
        "epochs": 2,
        "input_fit": "crop",
        "colour_jitter": 0.05,
        "class_weights": "balanced",
        "label_smoothing": 0.1,
        "accumulation": 2,
        "batch_size": 8,
        "precision": "bfloat16",
        "compression": "fp16",
        "log_folder": tmp_path / "logs",
    }
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path, **options))
    assert finished.returncode == 0, finished.stderr
    assert read_description(outputs_in(tmp_path).model).input_fit == "crop"
    assert len(history(tmp_path)) == 2
    assert sorted(os.listdir(tmp_path / "logs")) == ["rank-0.log", "rank-1.log"]
    model = load_model(outputs_in(tmp_path).model)
    assert {layer.compute_dtype for layer in model.layers} == {"float32"}
    assert isinstance(model, keras.Model)


def test_finished_checkpoint_gives_the_outputs_again_in_the_same_bytes(trained, python_on_ranks, shard_plan, tmp_path):
    first, again = outputs_in(trained), outputs_in(tmp_path)
    shutil.copy(first.checkpoint, again.checkpoint)
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert again.model.read_bytes() == first.model.read_bytes()
    assert again.history.read_bytes() == first.history.read_bytes()


def test_ranks_that_were_not_connected_are_refused(python_on_ranks, shard_plan, tmp_path):
    refused = python_on_ranks(1, SCRIPT, *arguments(shard_plan, tmp_path, ranks=2))
    assert refused.returncode == 1
    assert "1 rank(s) are connected, 2 were expected" in refused.stderr
    assert "srun --mpi=pmix" in refused.stderr
    assert not list(tmp_path.iterdir())
