import dataclasses
import logging

import numpy as np
import pytest

from slidemill.training.checkpoint import Checkpoint, fingerprint, load_checkpoint, save_checkpoint
from slidemill.training.history import EpochRow
from slidemill.training.parameters import TrainingParameters

PARAMETERS = TrainingParameters("small_cnn", 128, 8, 16, 0.001, 1)
RUN = {"plan_sha256": "ab", "ranks": 2, "software": {"keras": "3"}}


def checkpoint():
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.uint32)]
    # More than ten, so that an order by text instead of number would show.
    optimizer = [np.full(2, number, np.float32) for number in range(12)]
    history = (EpochRow(1, 0.1, 0.2, 0.3, 0.4, 0.5), EpochRow(2, 1e-17, 1 / 3, 0.3, 0.4, 0.5))
    return Checkpoint(fingerprint(PARAMETERS, **RUN), history, arrays, optimizer, arrays[::-1])


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, checkpoint())
    return path


def test_what_is_saved_is_loaded(saved):
    loaded, expected = load_checkpoint(saved, fingerprint(PARAMETERS, **RUN)), checkpoint()
    assert loaded.history == expected.history
    for group in ("model", "optimizer", "best"):
        for found, array in zip(getattr(loaded, group), getattr(expected, group), strict=True):
            np.testing.assert_array_equal(found, array)
            assert found.dtype == array.dtype


def test_file_is_named_as_asked_and_nothing_is_left_beside_it(saved):
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize(
    "change",
    [
        {"plan_sha256": "another plan"},
        {"ranks": 3},
        {"software": {"keras": "4"}},
        *({"parameters": {field.name: 9}} for field in dataclasses.fields(TrainingParameters)),
    ],
)
def test_checkpoint_of_another_training_is_not_used(saved, change, caplog):
    caplog.set_level(logging.INFO)
    parameters = dataclasses.replace(PARAMETERS, **change.get("parameters", {}))
    run = RUN | {key: value for key, value in change.items() if key != "parameters"}
    assert load_checkpoint(saved, fingerprint(parameters, **run)) is None
    assert "other shards, parameters or ranks; starting anew" in caplog.text


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_damaged_checkpoint_is_not_used(saved, share, caplog):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    assert load_checkpoint(saved, fingerprint(PARAMETERS, **RUN)) is None
    assert "damaged checkpoint" in caplog.text


def test_no_checkpoint_is_the_usual_start(tmp_path, caplog):
    assert load_checkpoint(tmp_path / "checkpoint", "") is None
    assert not caplog.text
