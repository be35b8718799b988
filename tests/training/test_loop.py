import math

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
    stopping=lambda: False,
    learned=lambda row: None,
    after_step=lambda position, stopping: None,
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
        LearningRateSchedule(learning_rate=0.01, batches_per_step=1, steps_per_epoch=2, epochs=3),
        first_epoch=0,
        signals=Signals(stopping, learned, after_step),
        examples="tiles",
    )


def test_each_validation_example_counts_once_however_the_batches_are_cut(alone, batch):
    (numbers,), labels, _ = batch
    step = validation_step(scoring(model_of_numbers()))
    whole = step((numbers,), labels)[0].numpy()
    parts = sum(step((numbers[part],), labels[part])[0].numpy() for part in (slice(0, 4), slice(4, 8), slice(8, 10)))
    assert whole[2] == 10
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_row_of_an_epoch_tells_means_over_examples(alone, batch):
    epoch = loop([batch] * 4, [batch])
    first, second = epoch.run(start_of(0)), epoch.run(start_of(1))
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.learning_rate == pytest.approx(0.01)
    assert second.train_loss < first.train_loss
    tally, scores = epoch.validation_step(batch.inputs, batch.labels)
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
    def spoil(position, stopping):
        weights = epoch.model.trainable_variables[-1]
        weights.assign(weights * math.nan)

    epoch = loop([batch] * 2, [batch], after_step=spoil)
    with pytest.raises(DivergedError, match=r"loss in step 2 of epoch 1 is not a finite number.*: s0, s1, s2"):
        epoch.run(start_of(0))


def test_after_each_step_the_position_and_a_wish_to_stop_are_told(alone, batch):
    seen = []
    epoch = loop([batch] * 2, [batch], stopping=lambda: len(seen) == 1, after_step=lambda *told: seen.append(told))
    epoch.run(start_of(0))
    assert [(position.epoch, position.step, position.tally[2], stop) for position, stop in seen] == [
        (0, 1, 10, 0),
        (0, 2, 20, 1),
        (0, 2, 20, 0),  # a validation batch
    ]


def test_an_epoch_goes_on_where_it_stopped(alone, batch):
    seen = []
    tally = np.array([3.0, 5.0, 10.0])
    epoch = loop([batch], [batch], after_step=lambda position, stopping: seen.append(position.step))
    row = epoch.run(Position(1, 1, tally))
    assert seen == [2, 2]
    assert row.epoch == 2
    assert row.learning_rate == pytest.approx(epoch.schedule.at(3))


def test_what_fills_a_place_is_no_example(alone, batch):
    """It is neither ranked nor named when something is wrong."""
    (numbers,), labels, slides = batch
    filled = Batch((numbers,), tf.where(tf.range(10) < 4, labels, -1), slides)
    epoch = loop([batch] * 2, [filled])
    row = epoch.run(start_of(0))
    _, scores = epoch.validation_step((numbers[:4],), labels[:4])
    assert row.validation_auc == pytest.approx(macro_auc(scores.numpy(), labels[:4].numpy()))
    epoch.model.trainable_variables[-1].assign([math.nan, math.nan])
    with pytest.raises(DivergedError, match=r"of the slides: s0, s1, s2, s3\. Look"):
        epoch._validate(start_of(0))
