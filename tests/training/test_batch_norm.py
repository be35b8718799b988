import numpy as np
import pytest

from slidemill.training.backend import as_graph, keras, tf
from slidemill.training.batch_norm import with_fused_normalization

BATCH = 6


def network(inputs, *, precision="float32"):
    """Normalisations with and without weights, one behind the other and in a model inside; and one of vectors."""
    options = {"dtype": precision if precision == "float32" else f"mixed_{precision}"}
    inside = keras.Input((8, 8, 5))
    x = keras.layers.BatchNormalization(axis=3, scale=False, momentum=0.0, epsilon=1e-5, **options)(inside)
    inner = keras.Model(inside, keras.layers.ReLU(**options)(x), name="inner")
    x = keras.layers.Conv2D(5, 3, padding="same", use_bias=False, **options)(inputs * 2.0)
    x = inner(keras.layers.BatchNormalization(**options)(x))
    x = keras.layers.BatchNormalization(center=False, **options)(x)
    x = keras.layers.GlobalAveragePooling2D(**options)(x)
    return keras.layers.BatchNormalization(**options)(x)


def model_of(precision="float32"):
    """A model of images, whose weights and statistics are all different from one another."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((8, 8, 3))
    model = keras.Model(inputs, keras.layers.Dense(2, dtype="float32")(network(inputs, precision=precision)))
    generator = np.random.default_rng(4)
    for variable in model.variables:
        variable.assign(generator.uniform(0.5, 1.5, variable.shape))
    return model


def images():
    return tf.constant(np.random.default_rng(5).normal(3.0, 2.0, (BATCH, 8, 8, 3)), tf.float32)


def learned(model, fused):
    """Scores, gradients and, after it, the statistics of a training step."""
    computed = with_fused_normalization(model) if fused else model
    weights = [variable.value for variable in model.trainable_variables]

    def step(batch):
        with tf.GradientTape() as tape:
            scores = computed(batch, training=True)
            loss = tf.reduce_sum(scores * tf.constant([1.0, -0.3]) * tf.range(1.0, BATCH + 1)[:, None])
        return scores, tape.gradient(loss, weights)

    scores, gradients = as_graph(step)(images())
    return [np.asarray(array) for array in (scores, *gradients, *model.non_trainable_variables)]


def test_it_learns_what_keras_learns():
    for found, expected in zip(learned(model_of(), fused=True), learned(model_of(), fused=False), strict=True):
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_in_half_precision_it_learns_from_float32_statistics():
    half = [learned(model_of("bfloat16"), fused=fused) for fused in (True, False)]
    for found, expected in zip(*half, strict=True):
        np.testing.assert_allclose(found, expected, atol=0.05 * np.abs(expected).max())
    assert np.isfinite(half[0][0]).all()


def test_layers_and_weights_are_those_of_the_model():
    model = model_of()
    fused = with_fused_normalization(model)
    assert {id(variable) for variable in fused.variables} == {id(variable) for variable in model.variables}
    names = [type(layer).__name__ for layer in (*fused.layers, *fused.get_layer("inner").layers)]
    assert names.count("_FusedNormalization") == 3
    assert names.count("BatchNormalization") == 1


def test_outside_training_it_is_the_model_to_the_last_bit():
    model = model_of()
    before = [variable.numpy() for variable in model.variables]
    fused = with_fused_normalization(model)
    np.testing.assert_array_equal(fused(images(), training=False), model(images(), training=False))
    for variable, array in zip(model.variables, before, strict=True):
        np.testing.assert_array_equal(variable, array)


@pytest.mark.parametrize("option", [{"renorm": True}, {"synchronized": True}, {"axis": 1}])
def test_what_the_operation_does_not_do_stays_with_keras(option):
    inputs = keras.Input((4, 5, 6))
    model = keras.Model(inputs, keras.layers.BatchNormalization(**option)(inputs))
    assert type(with_fused_normalization(model).layers[-1]) is keras.layers.BatchNormalization


def test_a_frozen_layer_works_as_outside_training():
    model = model_of()
    for layer in model._flatten_layers():
        layer.trainable = False
    before = [variable.numpy() for variable in model.non_trainable_variables]
    with_fused_normalization(model)(images(), training=True)
    for variable, array in zip(model.non_trainable_variables, before, strict=True):
        np.testing.assert_array_equal(variable, array)
