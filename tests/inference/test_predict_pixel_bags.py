"""Slides scored by a model of bags of pixels."""

import numpy as np
import pytest

from slidemill.classifier.tile_shape import TileShape
from slidemill.evaluation.aggregate import score_slide
from slidemill.inference import pixel_bag_scoring
from slidemill.inference.batch import SlidesFailedError, predict_batch
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.mil.model import pixel_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.pixel_files import PixelFiles
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription
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


def predict(folder, model_file, *slide_ids):
    predict_batch(
        slide_ids,
        tiles_folder=folder,
        exclude=[],
        model_file=model_file,
        kept_folder=folder / "kept",
        predictions_folder=folder / "predictions",
        batch_size=2,
    )
    return [read_predictions(predictions_path(folder / "predictions", slide_id)) for slide_id in slide_ids]


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
