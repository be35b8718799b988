"""Slides scored by a model of bags of pixels."""

import json
from dataclasses import replace

import numpy as np
import pytest

from slidemill.classifier.tile_shape import TileShape
from slidemill.evaluation.aggregate import score_slide
from slidemill.export.check_slides import CheckSlide
from slidemill.export.write_onnx import export_onnx
from slidemill.inference import pixel_bag_scoring
from slidemill.inference.batch import SlidesFailedError, predict_batch
from slidemill.inference.onnx_file import read_facts
from slidemill.inference.pixel_bag_model import load_pixel_bag_model
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.mil.model import pixel_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.pixel_files import PixelFiles
from slidemill.tiling.store import store_paths
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription, read_description
from slidemill.training.model_file import save_model

from ..classifier.conftest import TILE_SIZE, striped_tile
from ..mil.conftest import CLASSES, row, write_tiles

SIDE, TAKEN = 32, 3
TISSUE = (0.9, 0.5, 0.8, 0.6, 1.0)


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model and its file."""
    keras.utils.set_random_seed(1)
    parameters = MilModelParameters(pooling="attention", hidden=(8,), attention_width=8, seed=1)
    built = pixel_bag_model(parameters, side=SIDE, class_count=len(CLASSES))
    path = tmp_path_factory.mktemp("mil") / "model.keras"
    described = ModelDescription("attention", CLASSES, TILE_SIZE, 0.5, SIDE, "resize", "", {}, "mil", None, TAKEN)
    save_model(path, built, described)
    return built, path


@pytest.fixture
def slides(tmp_path):
    generator = np.random.default_rng(0)
    for slide_id, tiles in (("s1", 5), ("s2", 2)):
        write_tiles(tmp_path, slide_id, [striped_tile(generator, 0) for _ in range(tiles)], TISSUE[:tiles])
    return tmp_path


def predict(folder, model_file, *slide_ids, to="predictions"):
    predict_batch(
        slide_ids,
        tiles_folder=folder,
        exclude=[],
        model_file=model_file,
        kept_folder=folder / "kept",
        predictions_folder=folder / to,
        batch_size=2,
    )
    return [read_predictions(predictions_path(folder / to, slide_id)) for slide_id in slide_ids]


def test_a_slide_is_scored_by_its_tiles_with_most_tissue_as_the_model_was_trained(model, slides):
    built, path = model
    first, second = predict(slides, path, "s1", "s2")
    assert first.coordinates[:, 0].tolist() == [0, 256, 512]  # tiles 0, 2 and 4
    assert len(second.coordinates) == 2
    rows = [row("s1", TAKEN), row("s2", 2)]
    files = PixelFiles.of(rows, slides, (), most=TAKEN, shape=TileShape(TILE_SIZE, SIDE), moves=lambda: None)
    for place, found in enumerate((first, second)):
        tiles = files.of_slide(place)[None].astype(np.float32)
        expected = built({"tiles": tiles, "mask": np.ones(tiles.shape[:2], np.bool_)}, training=False)
        np.testing.assert_allclose(found.slide_scores, expected["scores"][0], rtol=1e-5)
        np.testing.assert_allclose(found.attention, expected["attention"][0], rtol=1e-4)
        assert score_slide(found).deciding("mean") == "model"


@pytest.fixture(scope="module")
def drawn(model, tmp_path_factory):
    """A model with other weights than a network starts with, in a file of its own for each pooling."""

    def draw(pooling):
        generator = np.random.default_rng(0)
        parameters = MilModelParameters(pooling=pooling, hidden=(8,), attention_width=8, seed=1)
        built = pixel_bag_model(parameters, side=SIDE, class_count=len(CLASSES))
        for variable in built.trainable_variables:
            variable.assign(variable.numpy() + 0.1 * generator.normal(size=variable.shape))
        path = tmp_path_factory.mktemp(pooling) / "model.keras"
        save_model(path, built, replace(read_description(model[1]), architecture=pooling))
        return path

    return draw


@pytest.mark.slow
@pytest.mark.parametrize("pooling", ["gated_attention", "additive"])
def test_the_network_of_onnx_has_the_scores_and_attention_of_the_model(drawn, slides, pooling):
    """Of bags of any number of tiles, as of those of the check."""
    path = drawn(pooling)
    network, told = path.with_name("model.onnx"), path.with_name("onnx.json")
    checked = [CheckSlide(label, *store_paths(slides, slide)) for label, slide in (("A", "s1"), ("B", "s2"))]
    export_onnx(path, checked, output=network, check_json=told)
    assert (json.loads(told.read_text())["tiles"], read_description(path)) == (
        TAKEN + 2,
        read_facts(network).description,
    )
    expected, found = predict(slides, path, "s1", "s2"), predict(slides, network, "s1", "s2", to="onnx")
    for own, of_model in zip(found, expected, strict=True):
        for name in ("coordinates", "scores", "slide_scores", "attention"):
            np.testing.assert_allclose(getattr(own, name), getattr(of_model, name), atol=1e-5)
    assert np.ptp(expected[0].attention) > 1e-3  # tiles that were mistaken for each other would be seen
    many = np.random.default_rng(1).integers(0, 256, (50, SIDE, SIDE, 3), np.uint8)
    one, other = (
        load_pixel_bag_model(file, read_description(path), threads=1).outputs(many) for file in (path, network)
    )
    assert one.keys() == other.keys()
    for name, values in one.items():
        np.testing.assert_allclose(other[name], values, atol=1e-5)


def test_slides_that_were_scored_before_are_kept_when_another_fails(model, slides, monkeypatch):
    records = slides / "s2.tfrecord"
    whole = records.read_bytes()
    records.write_bytes(whole[:-3])
    with pytest.raises(SlidesFailedError, match=r"1 of 2 slides failed.*s2\.tfrecord: missing or damaged"):
        predict(slides, model[1], "s1", "s2")
    records.write_bytes(whole)
    scored, score = [], pixel_bag_scoring.PixelBagScorer.score

    def noted(self, source, is_used):
        scored.append(source.stem)
        return score(self, source, is_used)

    monkeypatch.setattr(pixel_bag_scoring.PixelBagScorer, "score", noted)
    predict(slides, model[1], "s1", "s2")
    assert scored == ["s2"]
