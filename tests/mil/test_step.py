"""What is computed of a batch of bags, in the parts that ranks have of it."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slidemill.mil.batches import PADDED_TO, batch_of
from slidemill.mil.model import feature_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.step import bag_learning, bag_scoring, bags_with_tiles, features_as_they_are
from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.method import Batch
from slidemill.training.step import train_step

from .conftest import CLASSES, drawn_bags

DIMENSION = 3
AS_THEY_ARE = features_as_they_are(DIMENSION)


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """TensorFlow with one thread."""


class Drawn:
    """Tiles drawn from the number of their slide."""

    def __init__(self, bags):
        self.bags = bags

    def of_slide(self, place, chosen=None):
        count = self.bags.slides[place].tile_count
        own = np.random.default_rng(place).normal(size=(count, DIMENSION)).astype(np.float16)
        return own if chosen is None else own[chosen]


@pytest.fixture(scope="module")
def bags():
    return drawn_bags([5, 40, 1, 17, 3])


@pytest.fixture(scope="module")
def model():
    parameters = MilModelParameters(hidden=(4,), attention_width=4, dropout=0.0, seed=1)
    return feature_bag_model(parameters, dimension=DIMENSION, class_count=len(CLASSES))


def part(bags, numbers, *, ranks=1):
    """The inputs of some of the bags, as a rank has them; none of them is a filler."""
    batch = batch_of(bags, Drawn(bags), numbers, [None] * len(numbers), bags_of_step=len(bags))
    labels = np.where(batch.bags < 0, -1, batch.labels)
    shares = tf.constant(batch.weights * (ranks / batch.bags_of_step), tf.float32)
    return Batch((tf.constant(batch.tiles), tf.constant(batch.mask), shares), tf.constant(labels), tf.constant([""]))


def loss_and_gradients(learning, batch):
    with tf.GradientTape() as tape:
        loss, tally = learning.loss_of(batch.inputs, batch.labels)
    return loss.numpy(), tape.gradient(loss, [variable.value for variable in learning.variables]), tally.numpy()


@pytest.mark.parametrize("numbers", [[[0, 1], [2, 3, 4]], [[1], [0, 2, 3, 4], []]])
def test_the_mean_over_ranks_is_the_mean_over_bags(bags, model, numbers):
    """However unequally they are dealt, and where a rank has none."""
    learning = bag_learning(model, AS_THEY_ARE, label_smoothing=0.1, class_weights=(0.5, 2.0, 1.0))
    loss, gradients, tally = loss_and_gradients(learning, part(bags, list(range(5))))
    parts = [loss_and_gradients(learning, part(bags, own, ranks=len(numbers))) for own in numbers]
    assert np.mean([own[0] for own in parts]) == pytest.approx(loss, rel=1e-6)
    for place, expected in enumerate(gradients):
        np.testing.assert_allclose(np.mean([own[1][place] for own in parts], axis=0), expected, atol=1e-6)
    np.testing.assert_allclose(sum(own[2] for own in parts), tally, rtol=1e-6)
    assert tally[2] == 5


def test_scores_and_tally_are_those_of_the_model(bags, model):
    batch = part(bags, list(range(5)))
    tiles, mask, _ = batch.inputs
    tally, scores = bag_scoring(model, AS_THEY_ARE).scores_of((tiles, mask), batch.labels)
    expected = model({"tiles": tf.cast(tiles, tf.float32), "mask": mask})["scores"].numpy()
    np.testing.assert_allclose(scores, expected, rtol=1e-6)
    labels = bags.labels()
    np.testing.assert_allclose(tally[0], -np.log(expected[np.arange(5), labels]).sum(), rtol=1e-5)
    assert tally[1] == np.sum(expected.argmax(axis=1) == labels)


def test_signatures_take_bags_of_any_number_and_size(bags, model):
    learning = bag_learning(model, AS_THEY_ARE)
    step = tf.function(learning.loss_of, input_signature=learning.signature)
    for numbers in ([0], [1, 2], [0, 1, 2, 3, 4], []):
        batch = part(bags, numbers)
        assert np.isfinite(step(batch.inputs, batch.labels)[0].numpy())
    assert step.experimental_get_tracing_count() == 1


@settings(deadline=None, max_examples=25)
@given(
    counts=st.lists(st.integers(1, 90), min_size=1, max_size=9),
    at_once=st.integers(1, 300),
)
def test_parts_of_a_batch_have_each_bag_once_with_all_its_tiles_and_little_padding(counts, at_once):
    counts = sorted(counts, reverse=True)
    bags = drawn_bags(counts)
    batch = part(bags, range(len(counts)))
    cut, start, seen = bags_with_tiles(at_once), 0, []
    while start < len(counts):
        end, (tiles, mask, shares), labels = cut(batch.inputs, batch.labels, tf.constant(start))
        for place, number in enumerate(range(start, int(end))):
            present = mask[place].numpy()
            assert np.array_equal(tiles[place].numpy()[present], Drawn(bags).of_slide(number))
            seen.append((number, float(shares[place]), int(labels[place])))
        lone = int(end) - start == 1
        assert tiles.shape[1] < counts[start] + PADDED_TO
        assert lone or mask.shape[0] * mask.shape[1] <= at_once
        start = int(end)
    assert seen == list(zip(range(len(counts)), batch.inputs[2].numpy().tolist(), bags.labels().tolist(), strict=True))


def test_a_step_in_parts_is_the_step(bags, model, monkeypatch):
    """However a batch is cut; a filler is a part of its own."""
    monkeypatch.setattr(ranks, "averaging", lambda tape, compression: tape)
    monkeypatch.setattr(ranks, "averaged", lambda gradients, compression: gradients)
    monkeypatch.setattr(ranks, "added", lambda value: value)
    learning, before = bag_learning(model, AS_THEY_ARE), model.get_weights()

    def after_a_step(cut, batch):
        model.set_weights(before)
        optimizer = keras.optimizers.SGD()
        optimizer.build(model.trainable_variables)
        step = train_step(replace(learning, cut=cut), optimizer)
        own, _, _ = step(batch.inputs, batch.labels, tf.constant(1.0), tf.constant(0.0))
        return own.numpy(), np.concatenate([np.ravel(weight) for weight in model.get_weights()])

    try:
        for numbers in ([1, 3, 0, 4, 2], []):
            batch = part(bags, numbers)
            tally, weights = after_a_step(None, batch)
            for at_once in (1, 64, 1000):
                found = after_a_step(bags_with_tiles(at_once), batch)
                np.testing.assert_allclose(found[0], tally, rtol=1e-6)
                np.testing.assert_allclose(found[1], weights, rtol=0, atol=1e-6)
        assert np.array_equal(weights, np.concatenate([np.ravel(weight) for weight in before]))  # of a filler
    finally:
        model.set_weights(before)
