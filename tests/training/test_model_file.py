import json
import zipfile

import numpy as np
import pytest

import slidemill
from slidemill.classifier.models import build_model
from slidemill.training.backend import keras
from slidemill.training.description import ENTRY, ModelDescription, ModelFileError, read_description
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


OTHER_VERSIONS = {
    "a newer format": ({"format": 2}, "is of format 2, not 1"),
    "a key of a newer one": ({"stains": ["H", "E"]}, "has 'stains'"),
    "a key of a newer encoder": ({"encoder": {"stain": "H"}}, "has 'stain'"),
    "an older one without a key": ({"tile_mpp": None}, "lacks 'tile_mpp'"),
}


@pytest.mark.parametrize(("other", "difference"), OTHER_VERSIONS.values(), ids=OTHER_VERSIONS)
def test_a_model_of_another_version_is_told_in_one_line(tmp_path, other, difference):
    told = DESCRIPTION.as_values() | other
    path = tmp_path / "model.keras"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ENTRY, json.dumps({key: value for key, value in told.items() if value is not None}))
    with pytest.raises(ModelFileError) as caught:
        read_description(path)
    assert str(caught.value) == (
        f"{path}: its description {difference}, as another version than slidemill {slidemill.__version__} writes it. "
        "Use the model with that version, or train it anew. Give a model.keras that this workflow made."
    )


def test_a_model_from_before_formats_had_numbers_is_read(tmp_path):
    path = tmp_path / "model.keras"
    told = {key: value for key, value in DESCRIPTION.as_values().items() if key not in ("format", "slide_tiles")}
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(ENTRY, json.dumps(told))
    assert read_description(path) == DESCRIPTION


def test_a_file_of_keras_alone_has_no_description(tmp_path):
    path = tmp_path / "model.keras"
    seeded_model().save(path)
    with pytest.raises(ModelFileError, match="not a model with a description"):
        read_description(path)
