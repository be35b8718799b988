import h5py
import numpy as np
import pytest

from slidemill.classifier.models import build_model, network_of
from slidemill.classifier.weights import WeightsError, load_weights
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import save_model

HEAD = ("logits/kernel", "logits/bias")


def model_of(architecture, *, classes, seed):
    keras.utils.set_random_seed(seed)
    return build_model(architecture, input_size=32, class_count=classes)


def assert_taken(model, source, fresh):
    """All values are those of the source, but the head's, which are as before."""
    for variable, other, before in zip(model.variables, source.variables, fresh.variables, strict=True):
        expected = before if variable.path in HEAD else other
        np.testing.assert_array_equal(variable.numpy(), expected.numpy(), err_msg=variable.path)


@pytest.fixture(scope="module", params=["small_cnn", "MobileNetV2"])
def source(request):
    model = model_of(request.param, classes=4, seed=1)
    for variable in model.variables:
        variable.assign(variable + 1.0)
    return request.param, model


def save_keras_2(model, path):
    """As the files that keras.applications downloads: a group for each layer, arrays in the layer's order."""
    with h5py.File(path, "w") as file:
        names = [layer.name for layer in model.layers]
        file.attrs["layer_names"] = [name.encode() for name in names]
        file.attrs["keras_version"] = b"2.0.0"
        file.attrs["backend"] = b"tensorflow"
        for layer in model.layers:
            group = file.create_group(layer.name)
            weights = [*layer.trainable_weights, *layer.non_trainable_weights]
            group.attrs["weight_names"] = [f"{layer.name}/{number}".encode() for number in range(len(weights))]
            for number, weight in enumerate(weights):
                group[f"{layer.name}/{number}"] = weight.numpy()


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["model.keras", "whole.weights.h5", "network.weights.h5", "notop.h5"])
def test_all_but_the_head_is_taken_whatever_the_number_of_classes(source, kind, tmp_path):
    architecture, trained = source
    path = tmp_path / kind
    if kind == "model.keras":
        save_model(path, trained, ModelDescription(architecture, ("A",) * 4, 64, 0.5, 32, "resize", "", {}))
    elif kind == "notop.h5":
        if architecture == "small_cnn":
            pytest.skip("only networks of keras.applications have such files")
        save_keras_2(network_of(trained), path)
    else:
        (trained if kind.startswith("whole") else network_of(trained)).save_weights(path)
    model = model_of(architecture, classes=3, seed=2)
    load_weights(model, path)
    assert_taken(model, trained, model_of(architecture, classes=3, seed=2))


def test_weights_of_another_architecture_are_refused(tmp_path):
    path = tmp_path / "other.weights.h5"
    model_of("MobileNet", classes=3, seed=1).save_weights(path)
    with pytest.raises(WeightsError, match=r"other\.weights\.h5: it lacks \d+ of the \d+ arrays"):
        load_weights(model_of("MobileNetV2", classes=3, seed=1), path)


@pytest.mark.parametrize("content", [b"", b"nothing of Keras", b"PK\x03\x04"])
def test_a_file_without_weights_is_refused(tmp_path, content):
    path = tmp_path / "x.weights.h5"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match="not a file of Keras weights"):
        load_weights(model_of("small_cnn", classes=3, seed=1), path)


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(WeightsError, match="there is no such file"):
        load_weights(model_of("small_cnn", classes=3, seed=1), tmp_path / "x.keras")
