"""Slides scored by a model of bags."""

from pathlib import Path

import numpy as np
import pytest

from slidemill.evaluation.aggregate import score_slide
from slidemill.features.checks import FeaturesMismatchError
from slidemill.features.store import features_path, read_features
from slidemill.inference.predict import predict_slides
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.mil.model import feature_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.tiling.store import store_paths
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription
from slidemill.training.model_file import save_model

from .test_predict import SlideJob
from .test_predict_features import CLASSES, DIMENSION, ENCODER, write_slide


@pytest.fixture(scope="module", params=["gated_attention", "additive"])
def model(request, tmp_path_factory):
    """A model and its file."""
    keras.utils.set_random_seed(1)
    parameters = MilModelParameters(pooling=request.param, hidden=(8,), attention_width=8, seed=1)
    built = feature_bag_model(parameters, dimension=DIMENSION, class_count=len(CLASSES))
    for variable in built.trainable_variables:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape))
    path = tmp_path_factory.mktemp("mil") / "model.keras"
    described = ModelDescription(request.param, CLASSES, 256, 0.5, 224, "resize", "ab", {}, "mil", ENCODER)
    save_model(path, built, described)
    return built, path


def predicted(folder: Path, model_file: Path, slide_id: str, **options):
    output = predictions_path(folder / "predictions", slide_id)
    job = SlideJob(features_path(folder / "features", slide_id), store_paths(folder, slide_id)[1], output)
    failures = predict_slides([job], model_file, **options)
    return failures, read_predictions(output) if not failures else None


def write(folder, slide_id, tiles, **options):
    write_slide(folder, slide_id, tiles, **options)
    return read_features(features_path(folder / "features", slide_id)).features


def test_a_slide_has_its_scores_and_the_attention_of_its_tiles(model, tmp_path):
    built, path = model
    features = write(tmp_path, "s", 37)
    _, found = predicted(tmp_path, path, "s")
    bag = {"tiles": features.astype(np.float32)[None], "mask": np.ones((1, 37), np.bool_)}
    expected = {name: values.numpy()[0] for name, values in built(bag).items()}
    np.testing.assert_allclose(found.slide_scores, expected["scores"], rtol=1e-5)
    np.testing.assert_allclose(found.attention, expected["attention"], rtol=1e-4)
    assert len(found.coordinates) == len(found.attention) == 37
    assert found.slide_scores.sum() == pytest.approx(1)
    assert found.times_average().mean() == pytest.approx(1)
    scores = expected.get("tile_scores", np.zeros((0, 3)))
    np.testing.assert_allclose(found.scores, scores, rtol=1e-4)


def test_the_models_own_score_decides(model, tmp_path):
    write(tmp_path, "s", 9)
    _, found = predicted(tmp_path, model[1], "s")
    score = score_slide(found)
    assert score.tile_count == 9
    assert score.deciding("median") == "model"
    assert score.predicted["model"] == CLASSES[int(found.slide_scores.argmax())]
    assert ("mean" in score.scores) == bool(len(found.scores))


def test_tiles_with_an_excluded_flag_are_in_no_bag(model, tmp_path):
    write(tmp_path, "s", 20, quality=1)  # pen_marks, of every second tile
    _, found = predicted(tmp_path, model[1], "s", exclude=["pen_marks"])
    assert len(found.attention) == 10
    assert found.attention.sum() == pytest.approx(1)


@pytest.mark.parametrize("tiles", [0, 1])
def test_a_bag_of_one_tile_is_scored_and_an_empty_one_says_why_not(model, tmp_path, tiles):
    write(tmp_path, "s", tiles, reason="" if tiles else "no tissue")
    _, found = predicted(tmp_path, model[1], "s")
    if tiles:
        assert found.attention.tolist() == [1.0]
    else:
        assert (found.slide_scores, found.attention, found.reason) == (None, None, "no tissue")


def test_features_that_are_no_numbers_give_one_line(model, tmp_path):
    from slidemill.features.store import FeatureStore, write_features

    write(tmp_path, "s", 6)
    path = features_path(tmp_path / "features", "s")
    own = read_features(path)
    own.features[3, 1] = np.nan
    write_features(path, FeatureStore(own.summary, own.features, own.coordinates))
    (failure,), _ = predicted(tmp_path, model[1], "s")
    assert isinstance(failure, FeaturesMismatchError)
    assert "slide s: some of its numbers are not finite" in str(failure)
    assert "\n" not in str(failure)
