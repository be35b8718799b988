import math
from dataclasses import replace

import numpy as np
import pytest

from slidemill.training import ranks
from slidemill.training.auc import macro_auc
from slidemill.training.backend import keras, tf
from slidemill.training.head import classifier, logits_model
from slidemill.training.loop import DivergedError, EpochLoop, Position, Signals
from slidemill.training.loss import Loss, tally
from slidemill.training.method import Batch, Learning, Scoring
from slidemill.training.schedule import LearningRateSchedule
from slidemill.training.step import train_step, validation_step

from .late_device import LateDevice

GOES_ON = np.float32(0)  # no wish to stop
SILENT = {
    "stopping": lambda: False,
    "moves": lambda: None,
    "learned": lambda row: None,
    "is_due": lambda steps: False,
    "save": lambda position, stopping: None,
}


@pytest.fixture
def alone(monkeypatch):
    """Training of a single rank without Horovod."""
    monkeypatch.setattr(ranks, "averaging", lambda tape, compression: tape)
    monkeypatch.setattr(ranks, "added", lambda value: value)
    monkeypatch.setattr(ranks, "average_statistics", lambda model: None)
    monkeypatch.setattr(ranks, "total", np.asarray)
    monkeypatch.setattr(ranks, "gathered", np.asarray)
    monkeypatch.setattr(ranks, "is_first", lambda: True)
    monkeypatch.setattr(ranks, "count", lambda: 1)


@pytest.fixture
def batch():
    """Ten examples of four numbers each, of ten slides."""
    generator = np.random.default_rng(0)
    numbers = tf.constant(generator.normal(size=(10, 4)), tf.float32)
    slides = tf.constant([f"s{number}" for number in range(10)])
    return Batch((numbers,), tf.constant(generator.integers(2, size=10), tf.int64), slides)


def model_of_numbers():
    keras.utils.set_random_seed(1)
    inputs = keras.Input((4,))
    return classifier(inputs, inputs, class_count=2)


def learning(model):
    def loss_of(inputs, labels):
        logits = logits_model(model)(inputs[0])
        return Loss().of(logits, labels), tally(logits, labels)

    return Learning(loss_of, model.trainable_variables)


def scoring(model):
    def scores_of(inputs, labels):
        logits = logits_model(model)(inputs[0])
        return tally(logits, tf.maximum(labels, 0)), tf.nn.softmax(logits)

    return Scoring(scores_of, ((tf.TensorSpec((None, 4)),), tf.TensorSpec((None,), tf.int64)))


def start_of(epoch, step=0):
    return Position(epoch, step, np.zeros(3))


def loop(
    batches,
    validation,
    *,
    steps=2,
    **signals,
):
    model = model_of_numbers()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    return EpochLoop(
        model,
        train_step(learning(model), optimizer),
        validation_step(scoring(model)),
        iter(batches),
        validation,
        LearningRateSchedule(learning_rate=0.01, batches_per_step=1, steps_per_epoch=steps, epochs=3),
        first_epoch=0,
        signals=Signals(**SILENT | signals),
        examples="tiles",
    )


def test_each_validation_example_counts_once_however_the_batches_are_cut(alone, batch):
    (numbers,), labels, _ = batch
    step = validation_step(scoring(model_of_numbers()))
    whole = step((numbers,), labels, GOES_ON)[0].numpy()
    parts = (slice(0, 4), slice(4, 8), slice(8, 10))
    parts = sum(step((numbers[part],), labels[part], GOES_ON)[0].numpy() for part in parts)
    assert whole[2] == 10
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_row_of_an_epoch_tells_means_over_examples(alone, batch):
    epoch = loop([batch] * 4, [batch])
    first, second = epoch.run(start_of(0)), epoch.run(start_of(1))
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.learning_rate == pytest.approx(0.01)
    assert second.train_loss < first.train_loss
    tally, scores, _ = epoch.validation_step(batch.inputs, batch.labels, GOES_ON)
    assert second.validation_loss == pytest.approx(tally.numpy()[0] / 10)
    assert second.validation_accuracy == tally.numpy()[1] / 10
    assert second.validation_auc == pytest.approx(macro_auc(scores.numpy(), batch.labels.numpy()))


def test_each_step_is_told_with_its_number_through_all_epochs(alone, batch):
    rows = []
    epoch = loop([batch] * 4, [batch], learned=rows.append)
    means = [epoch.run(start_of(number)).train_loss for number in range(2)]
    assert [row.step for row in rows] == [1, 2, 3, 4]
    assert [row.step_learning_rate for row in rows] == [epoch.schedule.at(step) for step in range(4)]
    losses = [row.step_loss for row in rows]
    assert means == pytest.approx([np.mean(losses[:2]), np.mean(losses[2:])])


def test_a_loss_that_is_no_number_ends_the_training_and_names_the_slides(alone, batch):
    """Those of its step, and not of the one that was started since then; nothing is saved of what came of it."""
    (numbers,), labels, _ = batch
    spoilt = Batch((numbers * math.nan,), labels, tf.constant([f"spoilt-{number}" for number in range(10)]))
    saved = []

    def save(position, stopping):
        assert all(np.isfinite(variable).all() for variable in epoch.model.variables)
        saved.append(position.step)

    due = {"is_due": lambda steps: steps in (1, 3), "stopping": lambda: saved == [1]}
    epoch = loop([batch, spoilt, batch, batch], [batch], steps=4, save=save, **due)
    with pytest.raises(DivergedError, match=r"loss in step 2 of epoch 1 is not a finite number.*: spoilt-0, spoilt-1"):
        epoch.run(start_of(0))
    assert saved == [1]
    assert not np.isfinite(epoch.model.trainable_variables[-1]).any()


def test_no_step_is_waited_for_before_the_next_one_was_started(alone, batch):
    """But for a step after which the state is saved, and the last."""
    device, told = LateDevice(), []

    def train_step(inputs, labels, rate, stopping):
        step = len(device.started) + 1
        told.append(f"start {step}")
        results = device.start(step, np.ones(3), np.ones(3), 0.0)
        if step in (3, 5):
            device.finish()
        return results

    def score(inputs, labels, stopping):
        batch = len(device.started) - 4
        told.append(f"score {batch}")
        results = device.start(batch, np.ones(3), scores, 0.0)
        if batch == 2:
            device.finish()
        return results

    scores = np.linspace(0, 1, 20).reshape(10, 2)
    epoch = loop(
        [batch] * 5,
        [batch] * 2,
        steps=5,
        learned=lambda row: told.append(f"look at {row.step}"),
        is_due=lambda steps: steps == 3,
        save=lambda position, stopping: told.append(f"save {position.step}"),
    )
    replace(epoch, train_step=train_step, validation_step=score).run(start_of(0))
    assert ", ".join(told) == (
        "start 1, start 2, look at 1, start 3, look at 2, look at 3, save 3, "
        "start 4, start 5, look at 4, look at 5, score 1, score 2"
    )


def test_a_wish_to_stop_saves_what_was_learned_with_the_step_that_was_started_meanwhile(alone, batch):
    told = []
    epoch = loop([batch] * 4, [batch], steps=4, stopping=lambda: True, save=lambda *saved: told.append(saved))
    epoch.run(start_of(0))
    (first, ranks_to_stop), *_ = told
    assert (first.epoch, first.step, first.tally[2], ranks_to_stop) == (0, 2, 20, 1)


def test_after_the_last_step_averaged_statistics_are_saved_and_never_averaged_again(alone, batch, monkeypatch):
    """A mean of three equal numbers may be another one."""
    seen = []
    monkeypatch.setattr(ranks, "average_statistics", lambda model: seen.append("averaged"))
    wish = {"stopping": lambda: len(seen) < 2, "save": lambda position, stopping: seen.append(position)}
    loop([batch], [batch], steps=1, **wish).run(start_of(0))
    averaged, end = seen
    assert (averaged, end.step) == ("averaged", 1)
    row = loop([], [batch], steps=1, **wish).run(end)
    assert seen == [averaged, end]
    assert row.train_loss == pytest.approx(end.tally[0] / 10)


def test_a_wish_to_stop_is_heard_in_a_validation_too(alone, batch):
    told, scored = [], []
    wish = {"stopping": lambda: len(scored) == 2, "save": lambda *saved: told.append(saved)}
    epoch = loop([batch] * 2, [batch] * 3, moves=lambda: scored.append(1), **wish)
    end = Position(0, 2, np.array([1.0, 2.0, 3.0]))
    epoch.run(end)
    assert told == [(end, 1)]


def test_an_epoch_goes_on_where_it_stopped(alone, batch):
    seen = []
    tally = np.array([3.0, 5.0, 10.0])
    epoch = loop([batch], [batch], learned=seen.append)
    row = epoch.run(Position(1, 1, tally))
    assert [step.step for step in seen] == [4]
    assert row.epoch == 2
    assert row.learning_rate == pytest.approx(epoch.schedule.at(3))


def test_what_fills_a_place_is_no_example(alone, batch):
    """It is neither ranked nor named when something is wrong."""
    (numbers,), labels, slides = batch
    filled = Batch((numbers,), tf.where(tf.range(10) < 4, labels, -1), slides)
    epoch = loop([batch] * 2, [filled])
    row = epoch.run(start_of(0))
    _, scores, _ = epoch.validation_step((numbers[:4],), labels[:4], GOES_ON)
    assert row.validation_auc == pytest.approx(macro_auc(scores.numpy(), labels[:4].numpy()))
    epoch.model.trainable_variables[-1].assign([math.nan, math.nan])
    with pytest.raises(DivergedError, match=r"of the slides: s0, s1, s2, s3\. Look"):
        epoch._validate(start_of(0))
