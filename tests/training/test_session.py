import csv
import shutil
from pathlib import Path

import numpy as np
import pytest

from slidemill.training.description import read_description
from slidemill.training.parameters import TrainingOutputs

pytestmark = pytest.mark.slow

SCRIPT = Path(__file__).parents[2] / "scripts" / "train.py"
EPOCHS = 5


def outputs_in(folder):
    return TrainingOutputs(folder / "model.keras", folder / "history.tsv", folder / "checkpoint.npz")


def arguments(plan, folder, *, ranks=2):
    outputs = outputs_in(folder)
    options = {
        "--expect-ranks": ranks,
        "--plan": plan,
        "--model": outputs.model,
        "--history": outputs.history,
        "--checkpoint": outputs.checkpoint,
        "--architecture": "small_cnn",
        "--input-size": 32,
        "--epochs": EPOCHS,
        "--batch-size": 16,
        "--learning-rate": 0.002,
        "--seed": 1,
        "--threads": 1,
    }
    return [word for option in options.items() for word in option]


def checkpoint_arrays(folder):
    with np.load(outputs_in(folder).checkpoint) as arrays:
        return {name: arrays[name] for name in arrays.files if "/" in name}


def history(folder):
    with outputs_in(folder).history.open(newline="") as file:
        return list(csv.DictReader(file, delimiter="\t"))


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
    ]


def test_learning_rate_is_scaled_by_the_ranks(trained):
    assert float(history(trained)[0]["learning_rate"]) == pytest.approx(2 * 0.002)


def test_model_tells_its_classes_and_tiles(trained):
    description = read_description(outputs_in(trained).model)
    assert description.classes == ("coarse", "fine")
    assert (description.tile_size_px, description.tile_mpp, description.input_size_px) == (64, 0.5, 32)
    assert set(description.versions) == {"slidemill", "tensorflow", "keras", "horovod"}


def test_only_the_named_outputs_are_left(trained):
    assert sorted(path.name for path in trained.iterdir()) == ["checkpoint.npz", "history.tsv", "model.keras"]


def test_training_that_was_killed_goes_on_and_equals_one_that_was_not(trained, python_on_ranks, shard_plan, tmp_path):
    killed = python_on_ranks(2, Path(__file__).with_name("killed_program.py"), *arguments(shard_plan, tmp_path))
    assert killed.returncode != 0
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint.npz"]
    finished = python_on_ranks(2, SCRIPT, *arguments(shard_plan, tmp_path))
    assert finished.returncode == 0, finished.stderr
    assert "going on after epoch 2" in finished.stderr
    expected = checkpoint_arrays(trained)
    found = checkpoint_arrays(tmp_path)
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-5, atol=1e-6, err_msg=name)
    assert history(tmp_path) == history(trained)


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
