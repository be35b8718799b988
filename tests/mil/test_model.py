"""Models of bags."""

import numpy as np
import pytest

from slidemill.mil.class_scores import LogScores, bag_losses
from slidemill.mil.model import feature_bag_model, log_scores_model, pixel_bag_model
from slidemill.mil.parameters import POOLINGS, SMALLEST_SIDE, WITH_TILE_SCORES, MilModelParameters, MilParameterError
from slidemill.mil.tile_networks import FeatureStatistics
from slidemill.training.backend import keras, tf

from .conftest import drawn_bags, numbered_tiles

DIMENSION = 24


def model_of(pooling, *, classes=3, **choices):
    keras.utils.set_random_seed(5)
    parameters = MilModelParameters(
        **({"pooling": pooling, "hidden": (32,), "attention_width": 16, "seed": 1} | choices)
    )
    return feature_bag_model(parameters, dimension=DIMENSION, class_count=classes)


def padded(bags, length):
    tiles = np.full((len(bags), length, DIMENSION), 0, np.float32)
    for place, bag in enumerate(bags):
        tiles[place, : len(bag)] = bag
    mask = np.arange(length) < np.array([len(bag) for bag in bags])[:, None]
    return {"tiles": tiles, "mask": mask}


def drawn(*counts):
    random = np.random.default_rng(sum(counts))
    return [random.normal(size=(count, DIMENSION)).astype(np.float32) for count in counts]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_changes_no_bit(pooling):
    model = model_of(pooling)
    compute = tf.function(lambda tiles, mask: model({"tiles": tiles, "mask": mask}, training=False))
    for counts in ((1, 7), (300, 1100)):
        bags, least = drawn(*counts), -(-max(counts) // 16) * 16
        expected = compute(**padded(bags, least))
        for more in (16, 1600):
            found = compute(**padded(bags, least + more))
            assert np.array_equal(found["scores"], expected["scores"])
            assert np.array_equal(found["attention"][:, :least], expected["attention"])
            assert not np.any(found["attention"][:, least:])


@pytest.mark.slow
@pytest.mark.parametrize("ordered", [False, True])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_scores_and_attention_add_up_to_1_and_a_saved_model_gives_the_same(pooling, ordered, tmp_path):
    model, inputs = model_of(pooling, ordered=ordered, classes=4), padded(drawn(9, 1, 30), 32)
    found = model(inputs, training=False)
    assert found["scores"].shape == (3, 4)
    assert np.allclose(np.sum(found["scores"], axis=-1), 1, atol=1e-6)
    assert np.allclose(np.sum(found["attention"], axis=-1), 1, atol=1e-6)
    assert not found["attention"].numpy()[~inputs["mask"]].any()
    assert ("tile_scores" in found) == (pooling in WITH_TILE_SCORES)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)(inputs, training=False)
    assert all(np.array_equal(again[name], found[name]) for name in found)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_order_of_tiles_says_nothing(pooling):
    model = model_of(pooling)
    (bag,) = drawn(32)
    turned = np.random.default_rng(1).permutation(32)
    one, other = (model(padded([own], 32), training=False) for own in (bag, bag[turned]))
    assert np.allclose(one["scores"], other["scores"], atol=1e-5)
    assert np.allclose(one["attention"].numpy()[0, turned], other["attention"][0], atol=1e-5)


def test_attention_is_that_of_the_paper():
    model, (bag,) = model_of("gated_attention"), drawn(10)
    weights = {weight.path: weight.numpy() for weight in model.weights}
    hidden = np.maximum(bag @ weights["hidden_1/kernel"] + weights["hidden_1/bias"], 0)
    part = {
        name: hidden @ weights[f"attention/{name}/kernel"] + weights[f"attention/{name}/bias"]
        for name in ("hidden", "gate")
    }
    logits = (np.tanh(part["hidden"]) / (1 + np.exp(-part["gate"]))) @ weights["attention/logit/kernel"]
    attention = np.exp(logits[:, 0]) / np.exp(logits[:, 0]).sum()
    expected = attention @ hidden @ weights["logits/kernel"] + weights["logits/bias"]
    found = model(padded([bag], 16), training=False)
    assert np.allclose(found["attention"][0, :10], attention, atol=1e-6)
    assert np.allclose(found["scores"][0], np.exp(expected) / np.exp(expected).sum(), atol=1e-6)


def test_attention_of_the_maximum_is_the_share_of_values_that_a_tile_gives():
    model = model_of("max", hidden=())
    bag = np.zeros((3, DIMENSION), np.float32)
    bag[1, :6] = 2.0
    bag[2, 6:] = 1.0
    found = model(padded([bag, drawn(1)[0]], 16), training=False)
    assert np.allclose(found["attention"][:, :3], [[0, 0.25, 0.75], [1, 0, 0]])


def test_logits_of_tiles_add_up_to_those_of_the_bag():
    model, (bag,) = model_of("additive"), drawn(12)
    found = model(padded([bag], 16), training=False)
    by_tile = tf.tensordot(found["attention"][0], tf.math.log(found["tile_scores"][0]), 1)
    # Logarithms of scores are logits, but for a number that is the same for all classes.
    assert np.ptp(np.log(found["scores"][0]) - by_tile) < 1e-5


def test_grades_of_logits_that_say_nothing_are_equally_probable():
    assert np.allclose(np.exp(LogScores(ordered=True)(np.zeros((1, 5), np.float32))), 1 / 6)


def test_scores_of_grades_follow_from_whether_they_are_higher():
    logits = np.random.default_rng(0).normal(size=(7, 3))
    shifted = logits + np.log([3, 2, 1])
    above = 1 / (1 + np.exp(-shifted))
    expected = [1 - above[:, 0], above[:, 0] * (1 - above[:, 1]), above[:, 0] * above[:, 1] * (1 - above[:, 2])]
    scores = np.exp(LogScores(ordered=True)(logits.astype(np.float32)))
    assert np.allclose(scores[:, :3], np.stack(expected, axis=1), atol=1e-6)
    assert np.allclose(scores.sum(axis=1), 1, atol=1e-6)


def test_losses_are_cross_entropies():
    scores = np.array([[0.7, 0.2, 0.1], [0.1, 0.1, 0.8]], np.float32)
    logs, labels = tf.math.log(scores), np.array([0, 1])
    assert np.allclose(bag_losses(logs, labels), -np.log([0.7, 0.1]), atol=1e-6)
    assert np.allclose(bag_losses(logs, labels, class_weights=(2.0, 3.0, 1.0)), -np.log([0.7, 0.1]) * [2, 3], atol=1e-6)
    smooth = -(0.9 * np.log(0.7) + 0.1 * np.log(scores[0]).mean())
    assert np.allclose(bag_losses(logs, labels, label_smoothing=0.1)[0], smooth, atol=1e-6)


def test_losses_of_sure_models_are_finite():
    logits = tf.constant([[2000.0, -2000.0], [-2000.0, 2000.0]])
    for ordered, classes in ((False, 2), (True, 3)):
        losses = bag_losses(LogScores(ordered=ordered)(logits), tf.constant([classes - 1, classes - 1]))
        assert np.isfinite(losses).all()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_weight_learns(pooling):
    model, inputs = model_of(pooling, dropout=0.5), padded(drawn(9, 20), 32)
    learning = log_scores_model(model)
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(bag_losses(learning(inputs, training=True), tf.constant([0, 2])))
    gradients = tape.gradient(loss, [weight.value for weight in learning.trainable_variables])
    assert all(np.isfinite(gradient).all() and np.any(gradient) for gradient in gradients)
    assert len(gradients) == len(model.trainable_variables)


def test_features_are_standardised_by_the_train_tiles():
    bags = drawn_bags([3, 700])
    values = numbered_tiles(bags)
    statistics = FeatureStatistics.of(values, [3, 700])
    assert np.allclose(statistics.mean, values.values.mean(), rtol=1e-3)
    assert np.allclose(statistics.variance, values.values.var(), rtol=1e-2)
    constant = FeatureStatistics(np.full(DIMENSION, 3.0), np.zeros(DIMENSION))
    parameters = MilModelParameters(pooling="mean", hidden=(), seed=1)
    model = feature_bag_model(parameters, dimension=DIMENSION, class_count=2, statistics=constant)
    inner = keras.Model(model.input, model.get_layer("standardisation").output)
    assert np.allclose(inner(padded([np.full((2, DIMENSION), 4.0)], 16))[0, 0], 1.0)


def test_a_bag_of_pixels_is_scored_from_end_to_end(tmp_path):
    parameters = MilModelParameters(pooling="attention", hidden=(32,), attention_width=8, seed=1)
    model = pixel_bag_model(parameters, side=27, class_count=2)
    tiles = np.random.default_rng(0).integers(0, 256, (2, 16, 27, 27, 3)).astype(np.float32)
    inputs = {"tiles": tiles, "mask": np.arange(16) < np.array([[5], [16]])}
    found = model(inputs, training=False)
    assert found["scores"].shape == (2, 2)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras", compile=False, safe_mode=True)(inputs, training=False)
    assert np.array_equal(again["scores"], found["scores"])


@pytest.mark.parametrize(("side", "weights"), [(SMALLEST_SIDE, 1), (27, 25), (64, 49), (128, 25), (224, 25)])
def test_of_larger_tiles_as_few_places_are_left_as_the_network_was_made_for(side, weights):
    """Else nearly all weights would be in the layer behind the convolutions, and none would learn from a cohort."""
    parameters = MilModelParameters(hidden=(32,), seed=1)
    model = pixel_bag_model(parameters, side=side, class_count=2)
    assert model.get_layer("hidden_1").kernel.shape == (weights * 48, 32)


@pytest.mark.parametrize(
    ("pooling", "precision"), [*((pooling, "bfloat16") for pooling in POOLINGS), ("gated_attention", "float16")]
)
def test_other_precisions_give_nearly_the_same(pooling, precision):
    inputs = padded(drawn(9, 20), 32)
    parameters = MilModelParameters(pooling=pooling, hidden=(32,), attention_width=16, seed=1)
    full, half = (
        feature_bag_model(parameters, dimension=DIMENSION, class_count=3, precision=own)
        for own in ("float32", precision)
    )
    half.set_weights(full.get_weights())
    found, expected = half(inputs, training=False), full(inputs, training=False)
    assert found["scores"].dtype == found["attention"].dtype == tf.float32
    assert np.allclose(found["scores"], expected["scores"], atol=0.05)


@pytest.mark.parametrize(
    ("name", "value"), [("pooling", "sum"), ("hidden", (0,)), ("dropout", 1.0), ("attention_width", 0)]
)
def test_parameters_out_of_range_are_told_with_their_key(name, value):
    with pytest.raises(MilParameterError, match=rf"mil\.{name} is .*: expected"):
        MilModelParameters(**{name: value, "seed": 1})
