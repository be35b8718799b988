import math

import numpy as np
import pytest

from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.loop import DivergedError, EpochLoop, train_step, validation_step
from slidemill.training.models import build_model
from slidemill.training.schedule import LearningRateSchedule


@pytest.fixture
def alone(monkeypatch):
    """Training of a single rank without Horovod."""
    monkeypatch.setattr(ranks, "averaging", lambda tape: tape)
    monkeypatch.setattr(ranks, "average_statistics", lambda model: None)
    monkeypatch.setattr(ranks, "total", np.asarray)
    monkeypatch.setattr(ranks, "is_first", lambda: True)


@pytest.fixture
def tiles():
    generator = np.random.default_rng(0)
    images = tf.constant(generator.uniform(0, 255, (10, 32, 32, 3)), tf.float32)
    return images, tf.constant(generator.integers(2, size=10), tf.int64)


def loop(batches, validation):
    model = build_model("small_cnn", input_size=32, class_count=2)
    optimizer = keras.optimizers.Adam()
    schedule = LearningRateSchedule(0.01, ranks=1, steps_per_epoch=2, epochs=3)
    return EpochLoop(model, train_step(model, optimizer), validation_step(model), iter(batches), validation, schedule)


def test_each_validation_tile_counts_once_however_the_batches_are_cut(alone, tiles):
    images, labels = tiles
    step = validation_step(build_model("small_cnn", input_size=32, class_count=2))
    whole = step(images, labels).numpy()
    parts = sum(step(images[part], labels[part]).numpy() for part in (slice(0, 4), slice(4, 8), slice(8, 10)))
    assert whole[2] == 10
    np.testing.assert_allclose(parts, whole, rtol=1e-5)


def test_row_of_an_epoch_tells_means_over_tiles(alone, tiles):
    epoch = loop([tiles] * 4, [tiles])
    first, second = epoch.run(0), epoch.run(1)
    assert (first.epoch, second.epoch) == (1, 2)
    assert first.learning_rate == pytest.approx(0.01)
    assert second.train_loss < first.train_loss
    expected = epoch.validation_step(*tiles).numpy()
    assert second.validation_loss == pytest.approx(expected[0] / 10)
    assert second.validation_accuracy == expected[1] / 10


def test_a_loss_that_is_no_number_ends_the_training(alone, tiles):
    images, labels = tiles
    with pytest.raises(DivergedError, match="loss of epoch 1 is not a finite number"):
        loop([(images * math.nan, labels)] * 2, [tiles]).run(0)
