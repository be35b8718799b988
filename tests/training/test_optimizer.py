import numpy as np
import pytest

from slidemill.training.backend import keras, tf
from slidemill.training.optimizer import build_optimizer
from slidemill.training.parameters import TrainingParameters

GOOD = {"epochs": 8, "batch_size": 8, "learning_rate": 0.1, "seed": 1}


@pytest.mark.parametrize("name", ["adam", "sgd", "rmsprop"])
def test_weight_decay_takes_a_share_of_weights_and_nothing_of_biases(name):
    """As Loshchilov and Hutter have it: apart from the gradient, times the learning rate."""
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    kernel, bias = layer.trainable_variables
    bias.assign([1.0, -1.0])
    before = kernel.numpy()
    optimizer = build_optimizer(TrainingParameters(**GOOD, optimizer=name, weight_decay=0.5), [kernel, bias])
    optimizer.apply_gradients([(tf.zeros_like(kernel), kernel), (tf.zeros_like(bias), bias)])
    np.testing.assert_allclose(kernel.numpy(), before * (1 - 0.1 * 0.5), rtol=1e-6)
    np.testing.assert_array_equal(bias.numpy(), [1.0, -1.0])
