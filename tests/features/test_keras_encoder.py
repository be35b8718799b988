"""Encoders of Keras: a small network in a file, and one of keras.applications with random weights."""

import re
from dataclasses import replace

import numpy as np
import pytest

from slidemill.features.encoder import DeviceError, EncoderFileError, EncoderSetup
from slidemill.features.load import load_encoder
from slidemill.features.spec import EncoderSpec, find_encoder, known_encoders

from .conftest import HALF, INPUT_SIZE, TILE_SIZE, contents, features_in

TILES = np.random.default_rng(5).integers(0, 256, (4, TILE_SIZE, TILE_SIZE, 3), dtype=np.uint8)


@pytest.fixture(scope="module", autouse=True)
def keras(one_thread):
    from slidemill.training.backend import keras

    return keras


@pytest.fixture(scope="module")
def whole(keras, tmp_path_factory):
    keras.utils.set_random_seed(4)
    network = keras.Sequential(
        [
            keras.Input((INPUT_SIZE, INPUT_SIZE, 3)),
            keras.layers.Conv2D(7, 5, strides=2, activation="relu"),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )
    file = tmp_path_factory.mktemp("keras") / "small.keras"
    network.save(file)
    return EncoderSpec(name="small", kind="keras", input_size=INPUT_SIZE, normalisation=HALF, file=file)


@pytest.fixture(scope="module")
def application(keras, tmp_path_factory):
    keras.utils.set_random_seed(5)
    network = keras.applications.MobileNetV3Small(
        include_top=False, weights=None, pooling="avg", input_shape=(INPUT_SIZE, INPUT_SIZE, 3)
    )
    for layer in network.layers:  # whose variance is zero in a network without training
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
    network(np.random.default_rng(1).uniform(0, 255, (8, INPUT_SIZE, INPUT_SIZE, 3)).astype(np.float32), training=True)
    file = tmp_path_factory.mktemp("keras") / "mobilenet.weights.h5"
    network.save_weights(file)
    name = "MobileNetV3Small"
    return find_encoder(name, {name: {"file": str(file), "input_size": INPUT_SIZE}}), network


def encoded(spec, tiles, **setup):
    encoder = load_encoder(spec, EncoderSetup(tiles.shape[1], batch_size=len(tiles), **setup))
    return encoder.submit(tiles)()


def test_slides_to_features(cohort, whole, tmp_path):
    cohort.extract(whole, to=tmp_path)
    features = features_in(tmp_path, whole, "A")
    assert features.features.shape == (cohort.store("A").summary.tile_count, 7)
    expected = [encoded(whole, tile[None]) for tile in cohort.tiles_by_openslide("A")]
    np.testing.assert_array_equal(features.features, np.concatenate(expected).astype(np.float16))
    assert len(np.unique(features.features, axis=0)) > len(features.features) / 2
    assert features.summary.precision == "float32"
    assert set(features.summary.versions) == {"slidemill", "keras", "tensorflow"}
    for threads, batch_size in ((1, 3), (3, 16)):
        other = tmp_path / f"{threads}"
        cohort.extract(whole, to=other, setup=EncoderSetup(0, batch_size=batch_size, threads=threads))
        assert contents(other / "small") == contents(tmp_path / "small")


@pytest.mark.slow
def test_the_features_are_those_of_the_network(keras, application):
    spec, network = application
    pixels = TILES[:, 16:48, 16:48]
    expected = network.predict(pixels.astype(np.float32), verbose=0)
    np.testing.assert_allclose(encoded(replace(spec, fit="crop"), TILES), expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected, axis=0).max() > 0.01


def test_resizing_does_not_alias(whole, keras):
    fine = np.zeros((1, TILE_SIZE, TILE_SIZE, 3), np.uint8)
    fine[:, ::2] = 255  # lines as fine as pixels: grey in half the size
    grey = np.full((1, INPUT_SIZE, INPUT_SIZE, 3), 127.5, np.float32)
    network = keras.saving.load_model(whole.file)
    expected = network.predict((grey / 255 - 0.5) / 0.25, verbose=0)
    np.testing.assert_allclose(encoded(whole, fine), expected, atol=0.05)


def test_half_precision_is_stated_and_near(whole):
    encoder = load_encoder(whole, EncoderSetup(TILE_SIZE, batch_size=4, precision="bfloat16"))
    assert encoder.facts.precision == "bfloat16"
    np.testing.assert_allclose(encoder.submit(TILES)(), encoded(whole, TILES), rtol=0.05, atol=0.05)


def test_full_memory_makes_smaller_batches(whole, monkeypatch, caplog):
    from slidemill.features.keras_encoder import tf

    encoder = load_encoder(whole, EncoderSetup(TILE_SIZE, batch_size=4))
    encode = encoder._encode

    def small_device(tiles):
        if len(tiles) > 1:
            raise tf.errors.ResourceExhaustedError(None, None, "OOM when allocating tensor")
        return encode(tiles)

    monkeypatch.setattr(encoder, "_encode", small_device)
    np.testing.assert_array_equal(encoder.submit(TILES)(), encoded(whole, TILES))
    encoder.submit(TILES)()
    assert [record.args for record in caplog.records] == [(2,), (1,)]


def test_other_weights_and_damaged_ones_are_refused(application, whole, tmp_path):
    spec, _ = application
    short = tmp_path / "short.weights.h5"
    short.write_bytes(spec.file.read_bytes()[:-5000])
    with pytest.raises(EncoderFileError, match=r"short.weights.h5: not the weights of MobileNetV3Small"):
        encoded(replace(spec, file=short), TILES)
    with pytest.raises(EncoderFileError, match=r"not the weights of MobileNetV2"):
        encoded(replace(spec, name="MobileNetV2", architecture="MobileNetV2", dimension=1280), TILES)
    cut = tmp_path / "cut.keras"
    cut.write_bytes(whole.file.read_bytes()[:-50])
    with pytest.raises(EncoderFileError, match=r"cut.keras: not a network that Keras can load"):
        encoded(replace(whole, file=cut), TILES)
    with pytest.raises(EncoderFileError, match=re.escape("and not (tiles, 48, 48, 3)")):
        encoded(replace(whole, input_size=48), TILES)
    with pytest.raises(EncoderFileError, match=r"and not \(tiles, 8\)"):
        encoded(replace(whole, dimension=8), TILES)


def test_a_gpu_that_is_not_there_is_told(whole):
    with pytest.raises(DeviceError, match="TensorFlow finds no GPU"):
        encoded(whole, TILES, device="cuda")


def test_the_table_has_every_network_of_keras_applications(keras):
    networks = {name for name in dir(keras.applications) if name[0].isupper()}
    assert {name for name, spec in known_encoders().items() if spec.kind == "keras"} == networks
