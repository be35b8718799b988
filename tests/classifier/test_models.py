import re

import numpy as np
import pytest

from slidemill.classifier.architectures import SMALL_CNN, ArchitectureError, architectures, check_architecture
from slidemill.classifier.models import _small_cnn_features as small_cnn_features
from slidemill.classifier.models import build_model
from slidemill.training.backend import keras, tf
from slidemill.training.head import logits_model


@pytest.fixture(scope="module")
def tiles():
    return np.random.default_rng(0).uniform(0, 255, (3, 32, 32, 3)).astype(np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["small_cnn", "MobileNetV2"])
def test_scores_are_float32_and_sum_to_1(architecture, tiles):
    scores = build_model(architecture, input_size=32, class_count=4)(tiles).numpy()
    assert scores.shape == (3, 4)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores.sum(axis=1), 1, rtol=1e-6)


def test_logits_are_of_the_same_weights_as_the_scores(tiles):
    model = build_model("small_cnn", input_size=32, class_count=3)
    np.testing.assert_allclose(tf.nn.softmax(logits_model(model)(tiles)), model(tiles), rtol=1e-5)


@pytest.mark.slow
def test_preprocessing_of_an_application_is_inside_the_model(tiles):
    model = build_model("MobileNetV2", input_size=32, class_count=2)
    base = next(layer for layer in model.layers if layer.name.startswith("mobilenet"))
    logits = model.get_layer("logits")
    found = logits_model(model)(tiles).numpy()
    np.testing.assert_allclose(found, logits(base(tiles / 127.5 - 1)), rtol=1e-3)  # it expects -1 to 1
    assert not np.isclose(found, logits(base(tiles)), rtol=0.1, atol=0).any()


@pytest.mark.parametrize(
    ("name", "advice"), [("inceptionv3", "InceptionV3"), ("smallcnn", "small_cnn"), ("ResNet5", "ResNet50")]
)
def test_an_unknown_name_is_refused_with_close_ones(name, advice):
    with pytest.raises(ArchitectureError, match=f"{name}.*Did you mean.*{re.escape(advice)}"):
        build_model(name, input_size=32, class_count=2)


def test_a_name_like_no_other_is_refused_with_all_of_them():
    with pytest.raises(ArchitectureError, match=r"Choose one of small_cnn, .*Xception"):
        build_model("?", input_size=32, class_count=2)


def test_an_input_too_small_for_the_architecture_is_refused():
    with pytest.raises(ArchitectureError, match=r"InceptionV3 cannot take.*Raise training\.input_size"):
        build_model("InceptionV3", input_size=32, class_count=2)


def test_the_architectures_are_those_of_keras():
    assert architectures() == [SMALL_CNN, *sorted(name for name in dir(keras.applications) if name[0].isupper())]


def least_input(architecture):
    """The least side that is not refused."""
    for side in range(1, 1000):
        try:
            check_architecture(architecture, side)
        except ArchitectureError:
            continue
        return side
    raise AssertionError(architecture)


@pytest.mark.parametrize("architecture", architectures()[1:])
def test_the_least_input_is_what_keras_states(architecture):
    least = least_input(architecture)
    builder = getattr(keras.applications, architecture)
    with pytest.raises(ValueError, match=rf"at least {least}x{least}"):
        builder(include_top=False, weights=None, input_shape=(least - 1, least - 1, 3), pooling="avg")


def test_the_least_input_of_the_small_cnn():
    least = least_input(SMALL_CNN)
    assert build_model(SMALL_CNN, input_size=least, class_count=2).output_shape == (None, 2)
    with pytest.raises(ValueError, match="size would be zero or negative"):
        small_cnn_features(keras.Input((least - 1, least - 1, 3)))
