import zipfile

import numpy as np
import pytest

from slidemill.classifier.models import build_model
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription, ModelFileError, read_description
from slidemill.training.model_file import load_model, save_model

DESCRIPTION = ModelDescription("small_cnn", ("A", "B", "C"), 64, 0.5, 32, "resize", "ab", {"keras": "3"})


def seeded_model():
    keras.utils.set_random_seed(1)
    return build_model("small_cnn", input_size=32, class_count=3)


@pytest.fixture
def saved(tmp_path):
    path = tmp_path / "model.keras"
    save_model(path, seeded_model(), DESCRIPTION)
    return path


def test_a_model_travels_with_its_description(saved):
    assert read_description(saved) == DESCRIPTION
    tiles = np.random.default_rng(0).uniform(0, 255, (2, 32, 32, 3)).astype(np.float32)
    np.testing.assert_array_equal(load_model(saved)(tiles), seeded_model()(tiles))


def test_equal_models_give_equal_files_and_leave_nothing_beside_them(saved):
    first = saved.read_bytes()
    save_model(saved, seeded_model(), DESCRIPTION)
    assert saved.read_bytes() == first
    assert list(saved.parent.iterdir()) == [saved]


def test_the_file_holds_no_date(saved):
    with zipfile.ZipFile(saved) as archive:
        assert {entry.date_time[0] for entry in archive.infolist()} == {1980}
        assert b'"date_saved": ""' in archive.read("metadata.json")


def test_a_file_of_keras_alone_has_no_description(tmp_path):
    path = tmp_path / "model.keras"
    seeded_model().save(path)
    with pytest.raises(ModelFileError, match="not a model with a description"):
        read_description(path)
