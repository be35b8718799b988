import dataclasses
import logging

import numpy as np
import pytest

from slidemill.training.checkpoint import (
    Checkpoint,
    choose_checkpoint,
    fingerprint,
    load_checkpoint,
    save_checkpoint,
)
from slidemill.training.history import EpochRow
from slidemill.training.parameters import TrainingParameters

PARAMETERS = TrainingParameters(epochs=8, batch_size=16, learning_rate=0.001, seed=1)
RUN = {"data_sha256": "ab", "weights_sha256": "", "software": {"keras": "3"}}
OTHERS = {
    "optimizer": "sgd",
    "decay": "step",
    "class_weights": "balanced",
    "precision": "float16",
    "compression": "fp16",
    "label_smoothing": 0.5,
    "weight_decay": 0.5,
    "decay_factor": 0.5,
    "frozen_epochs": 3,
}


def checkpoint(step=0, ranks=2, epochs=2):
    arrays = [np.arange(6, dtype=np.float32).reshape(2, 3), np.array(7, np.int64), np.zeros(0, np.uint32)]
    # More than ten, so that an order by text instead of number would show.
    optimizer = [np.full(2, number, np.float32) for number in range(12)]
    history = (EpochRow(1, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6), EpochRow(2, 1e-17, 1 / 3, 0.3, 0.4, 0.5, float("inf")))
    own = [[np.full(3, float(rank)), np.array([rank], np.int64)] for rank in range(ranks)]
    name = fingerprint(PARAMETERS, **RUN)
    return Checkpoint(name, history[:epochs], step, arrays, optimizer, arrays[::-1], own)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "checkpoint"
    save_checkpoint(path, checkpoint(step=7))
    return path


def test_what_is_saved_is_loaded(saved):
    loaded, expected = load_checkpoint(saved, fingerprint(PARAMETERS, **RUN)), checkpoint(step=7)
    assert (loaded.history, loaded.step, len(loaded.ranks)) == (expected.history, 7, 2)
    for found, own in zip(loaded.ranks, expected.ranks, strict=True):
        for array, other in zip(found, own, strict=True):
            np.testing.assert_array_equal(array, other)
    for group in ("model", "optimizer", "best"):
        for found, array in zip(getattr(loaded, group), getattr(expected, group), strict=True):
            np.testing.assert_array_equal(found, array)
            assert found.dtype == array.dtype


def test_file_is_named_as_asked_and_nothing_is_left_beside_it(saved):
    assert list(saved.parent.iterdir()) == [saved]


@pytest.mark.parametrize(
    "change",
    [
        {"data_sha256": "other data"},
        {"weights_sha256": "cd"},
        {"software": {"keras": "4"}},
        *(
            {"parameters": {field.name: OTHERS.get(field.name, 7)}}
            for field in dataclasses.fields(TrainingParameters)
            if field.name not in TrainingParameters.OPERATIONAL
        ),
    ],
)
def test_checkpoint_of_another_training_is_not_used(saved, change, caplog):
    caplog.set_level(logging.INFO)
    parameters = dataclasses.replace(PARAMETERS, **change.get("parameters", {}))
    run = RUN | {key: value for key, value in change.items() if key != "parameters"}
    assert load_checkpoint(saved, fingerprint(parameters, **run)) is None
    assert "other data or parameters; not used" in caplog.text


def test_how_often_checkpoints_are_written_does_not_matter_for_them(saved):
    often = dataclasses.replace(PARAMETERS, checkpoint_steps=3, stall_seconds=9)
    assert load_checkpoint(saved, fingerprint(often, **RUN))


@pytest.mark.parametrize(
    ("epoch", "step", "chosen"),
    [
        (None, None, None),
        (checkpoint(), None, "epoch"),
        (None, checkpoint(step=3), "step"),
        (checkpoint(), checkpoint(step=3), "step"),
        (checkpoint(), checkpoint(step=3, epochs=1), "epoch"),  # left behind
        (checkpoint(), checkpoint(step=3, ranks=4), "epoch"),
        (checkpoint(ranks=4), None, "epoch"),
        (None, checkpoint(step=3, ranks=4), None),
    ],
)
def test_inside_an_epoch_only_as_many_ranks_go_on(epoch, step, chosen):
    found = choose_checkpoint(epoch, step, ranks=2)
    assert found is {"epoch": epoch, "step": step, None: None}[chosen]


@pytest.mark.parametrize("share", [0, 0.5, 0.99])
def test_damaged_checkpoint_is_not_used(saved, share, caplog):
    content = saved.read_bytes()
    saved.write_bytes(content[: int(share * len(content))])
    assert load_checkpoint(saved, fingerprint(PARAMETERS, **RUN)) is None
    assert "damaged checkpoint" in caplog.text


def test_no_checkpoint_is_the_usual_start(tmp_path, caplog):
    assert load_checkpoint(tmp_path / "checkpoint", "") is None
    assert not caplog.text
