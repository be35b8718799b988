import numpy as np
import pytest

from slidemill.classifier.augment import DRAWS, Augmentation, augmented
from slidemill.classifier.models import build_model
from slidemill.classifier.parameters import ClassifierParameters
from slidemill.classifier.step import StepOptions, tile_learning
from slidemill.classifier.tiles import TileShape, model_input
from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.head import head_variables, logits_model
from slidemill.training.loss import tally
from slidemill.training.optimizer import build_optimizer
from slidemill.training.step import train_step

GOOD = {"architecture": "small_cnn", "input_size": 32, "epochs": 8, "batch_size": 8, "learning_rate": 0.01, "seed": 1}


@pytest.fixture(autouse=True)
def _alone(monkeypatch):
    monkeypatch.setattr(ranks, "averaging", lambda tape, compression: tape)
    monkeypatch.setattr(ranks, "averaged", lambda gradients, compression: gradients)
    monkeypatch.setattr(ranks, "added", lambda value: value)


def trained(*, options=None, steps=2, rate=0.01, **chosen):
    """The change of each variable, and the model."""
    parameters = ClassifierParameters(**GOOD | chosen)
    keras.utils.set_random_seed(3)
    model = build_model("small_cnn", input_size=32, class_count=3, precision=parameters.precision)
    before = {variable.path: variable.numpy() for variable in model.variables}
    learning = tile_learning(model, TileShape(32, 32), options)
    step = train_step(learning, build_optimizer(parameters, learning.variables))
    generator = np.random.default_rng(0)
    for _ in range(steps):
        images = tf.constant(generator.integers(0, 256, (8, 32, 32, 3)), tf.uint8)
        draws = tf.constant(generator.uniform(size=(8, DRAWS)), tf.float32)
        labels = tf.constant(generator.integers(3, size=8), tf.int64)
        step((images, draws), labels, tf.constant(rate), tf.constant(0.0))
    return {variable.path: variable.numpy() - before[variable.path] for variable in model.variables}, model


def length(change, model):
    learned = {variable.path for variable in model.trainable_variables}
    return np.sqrt(sum((array**2).sum() for path, array in change.items() if path in learned))


def test_with_a_frozen_network_only_the_head_changes():
    change, model = trained(options=StepOptions(head_only=True))
    head = {variable.path for variable in head_variables(model)}
    assert {path for path, array in change.items() if np.any(array)} == head


@pytest.mark.parametrize("parts", [1, 2])
def test_a_step_learns_from_the_tiles_as_they_are_resized_and_augmented(parts):
    model = build_model("small_cnn", input_size=32, class_count=3)
    parameters = ClassifierParameters(**GOOD)
    options = StepOptions(augmentation=Augmentation(0.2), head_only=True)
    shape = TileShape(48, 32)
    generator = np.random.default_rng(0)
    images = tf.constant(generator.integers(0, 256, (8, 1, 1, 3)) + np.zeros((48, 48, 1)), tf.uint8)
    draws = tf.constant(generator.uniform(size=(8, DRAWS)), tf.float32)
    labels = tf.constant(generator.integers(3, size=8), tf.int64)

    def tally_of(pixels):
        return tally(logits_model(model)(pixels, training=False), labels).numpy()

    resized = model_input(images, shape)
    plain, expected = tally_of(resized), tally_of(augmented(resized, options.augmentation, draws))
    learning = tile_learning(model, shape, options)
    step = train_step(learning, build_optimizer(parameters, learning.variables), accumulation=parts)
    found, of_all, _ = step((images, draws), labels, tf.constant(0.1), tf.constant(0.0))
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    np.testing.assert_array_equal(of_all, found)
    assert abs(plain[0] - expected[0]) > 1e-3


@pytest.mark.slow
def test_optimizers_differ():
    changes = [trained(optimizer=name)[0] for name in ("adam", "sgd", "rmsprop")]
    lengths = [np.abs(change["logits/kernel"]).sum() for change in changes]
    assert len({round(float(one), 6) for one in lengths}) == 3
    assert all(np.isfinite(lengths))


@pytest.mark.slow
def test_clipping_shortens_the_gradient_of_all_weights_together():
    free, model = trained(optimizer="sgd", steps=1, rate=1.0)
    clipped, _ = trained(optimizer="sgd", steps=1, rate=1.0, clip_norm=0.01)
    assert length(free, model) > 0.1
    # The first Nesterov step is 1 + 0.9 times the gradient.
    assert length(clipped, model) == pytest.approx(1.9 * 0.01, rel=0.01)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float16", "bfloat16"])
def test_mixed_precision_computes_in_it_and_keeps_float32_weights(precision):
    change, model = trained(precision=precision)
    assert {variable.dtype for variable in model.trainable_variables} == {"float32"}
    assert model.get_layer("convolution_2").compute_dtype == precision
    assert model.output.dtype == "float32"
    full, _ = trained()
    assert all(np.isfinite(array).all() for array in change.values())
    assert 0 < np.abs(change["logits/kernel"] - full["logits/kernel"]).max() < 0.05


def test_a_float16_step_whose_gradients_overflow_is_left_out():
    parameters = ClassifierParameters(**GOOD, precision="float16")
    model = build_model("small_cnn", input_size=32, class_count=3, precision="float16")
    optimizer = build_optimizer(parameters, list(model.trainable_variables))
    before = [variable.numpy() for variable in model.trainable_variables]
    scale = float(optimizer.dynamic_scale)
    gradients = [tf.fill(variable.shape, np.float32("inf")) for variable in model.trainable_variables]
    optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
    assert float(optimizer.dynamic_scale) == scale / 2
    for variable, array in zip(model.trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable.numpy(), array)
