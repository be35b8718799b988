"""Slides scored by a model that takes features."""

import hashlib
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slidemill.features.checks import FeaturesMismatchError
from slidemill.features.store import FeatureStore, FeatureSummary, features_path, read_features, write_features
from slidemill.inference.batch import NoFeaturesError, SlidesFailedError, predict_batch
from slidemill.inference.predict import StaleTilesError, TileMismatchError, predict_slides
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.probe.model import probe_model
from slidemill.probe.regression import Coefficients, Standardisation
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.training.model_file import save_model

from .test_predict import SlideJob

SCRIPT = Path(__file__).parents[2] / "scripts" / "predict_slides.py"
DIMENSION, CLASSES = 6, ("A", "B", "C")
NORMALISATION = {"mean": [0.5] * 3, "std": [0.5] * 3}
ENCODER = EncoderDescription("drawn", "ab" * 32, DIMENSION, NORMALISATION, "average")
GENERATOR = np.random.default_rng(2)
STANDARDISATION = Standardisation(GENERATOR.standard_normal(DIMENSION), GENERATOR.uniform(0.5, 2, DIMENSION))
COEFFICIENTS = Coefficients(GENERATOR.standard_normal((DIMENSION, 3)), GENERATOR.standard_normal(3))


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("probe") / "model.keras"
    described = ModelDescription("linear", CLASSES, 256, 0.5, 224, "resize", "ab", {}, "probe", ENCODER)
    save_model(path, probe_model(STANDARDISATION, COEFFICIENTS), described)
    return path


def write_slide(folder, slide_id, tiles, *, reason="", quality=0):
    """Write the tile store of a slide, and features of noise."""
    extent = 0 if reason else 256
    store = StoreSummary(
        slide_id=slide_id,
        patient_id=f"patient of {slide_id}",
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=(),
        tile_count=tiles,
        grid_count=99,
        tile_extent=extent,
        parameters={"tile_size": 256, "mpp": 0.5},
        slide=None,
        versions={},
    )
    coordinates = np.stack([np.arange(tiles) * 256, np.arange(tiles)], axis=1).astype(np.int64)
    numbers = {name: np.zeros(tiles, np.float32) for name in ("tissue_fraction", "ink_fraction", "sharpness")}
    places = {name: np.zeros(tiles, np.int64) for name in ("offset", "length")}
    flags = np.resize(np.array([quality, 0], np.uint8), tiles)
    write_store(store_paths(folder, slide_id)[1], TileStore(store, coordinates, quality=flags, **numbers, **places))
    summary = FeatureSummary(
        slide_id=slide_id,
        patient_id=store.patient_id,
        status=store.status,
        reason=reason,
        encoder=ENCODER.name,
        weights_sha256=ENCODER.weights_sha256,
        dimension=DIMENSION,
        input_size=224,
        mpp=0.5,
        tile_size=256,
        tile_extent=extent,
        normalisation=NORMALISATION,
        pooling=ENCODER.pooling,
        precision="float32",
        source="slide",
    )
    features = np.random.default_rng(tiles).standard_normal((tiles, DIMENSION)).astype(np.float16)
    write_features(features_path(folder / "features", slide_id), FeatureStore(summary, features, coordinates))
    return job_in(folder, slide_id)


def job_in(folder, slide_id):
    source = features_path(folder / "features", slide_id)
    return SlideJob(source, store_paths(folder, slide_id)[1], predictions_path(folder / "predictions", slide_id))


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "features").mkdir()
    return tmp_path


def expected_scores(features):
    standardised = (features.astype(np.float64) - STANDARDISATION.mean) / STANDARDISATION.deviation
    logits = np.exp(standardised @ COEFFICIENTS.weights + COEFFICIENTS.intercepts)
    return logits / logits.sum(axis=1, keepdims=True)


def test_scores_are_those_of_the_classifier_on_the_tiles_that_are_used(folder, model_file):
    job = write_slide(folder, "s", 5000, quality=1)
    assert predict_slides([job], model_file, exclude=["pen_marks"]) == []
    own, predictions = read_features(job.source), read_predictions(job.output)
    np.testing.assert_array_equal(predictions.coordinates, own.coordinates[1::2])
    np.testing.assert_allclose(predictions.scores, expected_scores(own.features[1::2]), atol=1e-5)
    assert (predictions.slide_id, predictions.classes, predictions.tile_extent) == ("s", CLASSES, 256)
    assert predictions.model_sha256 == hashlib.sha256(model_file.read_bytes()).hexdigest()


def test_a_slide_set_aside_has_predictions_that_say_so(folder, model_file):
    job = write_slide(folder, "empty", 0, reason="empty has no tissue")
    assert predict_slides([job], model_file) == []
    assert read_predictions(job.output).reason == "empty has no tissue"


def changed(job, **changes):
    own = read_features(job.source)
    write_features(job.source, replace(own, summary=replace(own.summary, **changes)))
    return job


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"weights_sha256": "cd" * 32}, "its weights sha256 is 'cdcd"),
        ({"encoder": "other"}, "its encoder is 'other', and that of .*model.keras 'drawn'"),
        ({"input_size": 256}, "its input size is 256"),
        ({"fit": "crop"}, "its fit is 'crop', and that of .*model.keras 'resize'"),
        ({"pooling": "class"}, "its pooling is 'class'"),
        ({"normalisation": {"mean": [0.0] * 3, "std": [1.0] * 3}}, "its normalisation is"),
    ],
)
def test_features_of_another_encoder_are_refused(folder, model_file, changes, told):
    (error,) = predict_slides([changed(write_slide(folder, "s", 3), **changes)], model_file)
    assert isinstance(error, FeaturesMismatchError)
    with pytest.raises(FeaturesMismatchError, match=told):
        raise error


def test_features_in_another_precision_are_welcome(folder, model_file):
    assert predict_slides([changed(write_slide(folder, "s", 3), precision="bfloat16")], model_file) == []


def test_features_of_other_tiles_are_refused(folder, model_file):
    job, other = write_slide(folder, "s", 3), write_slide(folder, "t", 4)
    (error,) = predict_slides([SlideJob(other.source, job.store, job.output)], model_file)
    assert isinstance(error, StaleTilesError)
    assert "its 4 tiles are not the 3 of its index" in str(error)


def test_tiles_of_another_resolution_are_refused(folder, model_file):
    job = write_slide(folder, "s", 3)
    other = folder / "other.keras"
    described = ModelDescription("linear", CLASSES, 256, 1.0, 224, "resize", "ab", {}, "probe", ENCODER)
    save_model(other, probe_model(STANDARDISATION, COEFFICIENTS), described)
    (error,) = predict_slides([job], other)
    assert isinstance(error, TileMismatchError)


def predict_all(folder, model_file, slides, features):
    predict_batch(
        slides,
        tiles_folder=folder,
        features_folder=features,
        exclude=(),
        model_file=model_file,
        kept_folder=folder / "kept",
        predictions_folder=folder / "predictions",
    )


def test_a_slide_that_fails_takes_no_other_along(folder, model_file):
    write_slide(folder, "a", 3)
    changed(write_slide(folder, "b", 3), weights_sha256="cd" * 32)
    with pytest.raises(SlidesFailedError, match="1 of 2 slides failed"):
        predict_all(folder, model_file, ["a", "b"], folder / "features")
    kept = (folder / "kept" / "a.zarr.zip").stat().st_mtime_ns
    write_slide(folder, "b", 3)
    predict_all(folder, model_file, ["a", "b"], folder / "features")
    assert (folder / "predictions" / "a.zarr.zip").stat().st_mtime_ns == kept


def test_without_features_it_is_told_whose_are_needed(folder, model_file):
    write_slide(folder, "a", 3)
    with pytest.raises(NoFeaturesError, match="takes features of drawn"):
        predict_all(folder, model_file, ["a"], None)


@pytest.mark.slow
def test_the_script(folder, model_file):
    write_slide(folder, "a", 3)
    command = [sys.executable, SCRIPT, "--slide", "a", "--tiles", folder, "--features", folder / "features"]
    command += ["--model", model_file, "--kept", folder / "kept", "--predictions", folder / "predictions"]
    subprocess.run(list(map(str, command)), check=True)
    assert read_predictions(folder / "predictions" / "a.zarr.zip").scores.shape == (3, 3)
