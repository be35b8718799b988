"""What is shown of tiles, above all their attention, and that it means the same on every slide."""

import json
from dataclasses import replace

import numpy as np
import pytest
from tifffile import TiffFile

from slidemill.evaluation.top_tiles import read_top_tiles
from slidemill.inference.store import read_predictions, write_predictions
from slidemill.reporting.geojson import write_geojson
from slidemill.reporting.heatmap import _meaning, slide_panels
from slidemill.reporting.layers import attention_colours, attention_ranks, layer_names, layers_of
from slidemill.reporting.pyramid import write_pyramid
from slidemill.reporting.report import write_report
from slidemill.units import Mpp

from .fake_run import CLASSES, COORDINATES, FACTS, OVERVIEW, FakeReader, FakeSlide, predictions_of, write_run

ATTENTION = (0.125, 0.75, 0.125)
OF_ATTENTION = ["attention, times average", "attention, rank in slide"]
TILES = {"tile_size": 256, "mpp": 0.5}
FEATURES = {"features": TILES | {"encoder": "drawn", "dimension": 1280, "weights_sha256": "ab"}}
PIXELS = {"pixels": TILES | {"tiles_of_slide": 16, "input_size": 128}}
SLIDE = FakeSlide("s", "LUAD", "test", attention=ATTENTION, scores_tiles=False)


@pytest.mark.parametrize(("times", "colour"), [(1, 0.5), (8, 1.0), (1 / 8, 0.0), (100, 1.0), (0, 0.0), (8**0.5, 0.75)])
def test_the_average_is_the_middle_of_the_colours_on_every_slide(times, colour):
    assert attention_colours(np.array([times]))[0] == pytest.approx(colour)


def test_ranks_are_the_share_of_other_tiles_with_less():
    assert attention_ranks(np.array([0.1, 0.4, 0.2, 0.3])).tolist() == pytest.approx([0, 1, 1 / 3, 2 / 3])
    assert attention_ranks(np.array([0.25, 0.5, 0.25])).tolist() == pytest.approx([0.25, 1, 0.25])
    assert attention_ranks(np.ones(5) / 5).tolist() == [0.5] * 5
    assert attention_ranks(np.ones(1)).tolist() == [0.5]


@pytest.mark.parametrize("scores_tiles", [True, False])
def test_attention_is_shown_beside_the_scores_of_tiles_where_there_are_some(scores_tiles):
    layers = layers_of(predictions_of(replace(SLIDE, scores_tiles=scores_tiles)))
    assert [layer.name for layer in layers] == [*(CLASSES if scores_tiles else ()), *OF_ATTENTION]
    assert layers[-2].measured.tolist() == pytest.approx([0.375, 2.25, 0.375])
    assert [layer.name for layer in layers] == layer_names(CLASSES, tile_scores=scores_tiles, attention=True)
    assert all(layer.colours.min() >= 0 and layer.colours.max() <= 1 for layer in layers)


def test_without_attention_there_is_a_layer_for_each_class():
    layers = layers_of(predictions_of(FakeSlide("s", "LUAD", "test")))
    assert [layer.name for layer in layers] == list(CLASSES)
    assert layer_names(CLASSES, tile_scores=True, attention=False) == list(CLASSES)


def test_heatmap_and_pyramid_have_all_layers(tmp_path):
    predictions = predictions_of(SLIDE)
    assert [panel.label for panel in slide_panels(OVERVIEW, FACTS, predictions)] == ["slide", *OF_ATTENTION]
    write_pyramid(tmp_path / "s.ome.tiff", FakeReader(), FACTS, predictions, Mpp(4.0))
    with TiffFile(tmp_path / "s.ome.tiff") as file:
        assert [series.name for series in file.series] == OF_ATTENTION


def test_the_legend_says_what_the_ends_of_the_colours_are():
    both, attention = (layers_of(predictions_of(replace(SLIDE, scores_tiles=scored))) for scored in (True, False))
    assert _meaning(layers_of(predictions_of(FakeSlide("s", "LUAD", "test")))) == "score of the class"
    assert _meaning(attention) == "rank; attention 1/8 to 8"
    assert _meaning(both) == "score; rank; attention 1/8 to 8"


def test_geojson_measures_attention_and_names_no_class_without_scores(tmp_path):
    write_geojson(predictions_of(SLIDE), tmp_path / "s.geojson")
    features = json.loads((tmp_path / "s.geojson").read_text())["features"]
    assert features[1]["properties"] == {
        "objectType": "tile",
        "measurements": dict(zip(OF_ATTENTION, (2.25, 1.0), strict=True)),
    }
    write_geojson(predictions_of(replace(SLIDE, scores_tiles=True)), tmp_path / "s.geojson")
    properties = json.loads((tmp_path / "s.geojson").read_text())["features"][0]["properties"]
    assert properties["classification"]["name"] == "LUAD"
    assert set(properties["measurements"]) == {*CLASSES, *OF_ATTENTION}


def test_what_is_not_there_is_not_stored(tmp_path):
    for slide in (SLIDE, FakeSlide("t", "LUAD", "test"), replace(SLIDE, reason="no tissue")):
        predictions = predictions_of(slide)
        write_predictions(tmp_path / "p.zarr.zip", predictions)
        found = read_predictions(tmp_path / "p.zarr.zip")
        for name in ("scores", "slide_scores", "attention", "coordinates"):
            np.testing.assert_array_equal(getattr(found, name), getattr(predictions, name))


def write_learned_from(files, taken):
    """The mil.json of a training."""
    (fold,) = files.folds
    part = {"bags": 5, "class_bags": {}, "slide_tiles": {}}
    splits = {"train": part | {"tiles": 80}, "validation": part | {"tiles": 20}}
    parameters = {"parameters": {"pooling": "attention", "bag": "slide"}}
    fold.plan.write_text(json.dumps({"sha256": "cd"} | taken | splits | parameters))


@pytest.mark.parametrize("scores_tiles", [True, False])
def test_the_report_of_a_model_that_scores_slides(tmp_path, scores_tiles):
    scores = {"LUAD": (0.7, 0.2, 0.1), "LUSC": (0.3, 0.6, 0.1), "Normal": (0.1, 0.2, 0.7)}
    slides = [
        replace(SLIDE, slide_id=f"{split}-{name}", label=name, split=split, scores=own, scores_tiles=scores_tiles)
        for split in ("train", "validation", "test")
        for name, own in scores.items()
    ]
    slides += [FakeSlide("test-aside", "LUAD", "test", reason="no tissue")]
    files = write_run(tmp_path, slides)
    metrics = json.loads(files.metrics.read_text())
    assert metrics["aggregation"]["method"] == "model"
    assert metrics["slide"]["accuracy"]["value"] == 1.0
    assert (metrics["tile"]["count"] > 0) == scores_tiles
    tiles = read_top_tiles(files.top_tiles)
    best = next(tile for tile in tiles if (tile.gallery, tile.class_name, tile.rank) == ("typical", "LUSC", 1))
    assert (best.x, best.y) == tuple(COORDINATES[1])  # of the most attention
    assert best.score == pytest.approx(2.25 * (0.6 if scores_tiles else 1))
    write_learned_from(files, PIXELS if scores_tiles else FEATURES)
    write_report(files, tmp_path / "report.html")
    report = (tmp_path / "report.html").read_text()
    assert "of 80 and 20 tiles of 256" in report
    assert ("on the pixels of the 16 tiles with most tissue of each slide" in report) == scores_tiles
    assert ("on the 1,280 features of a tile by the encoder drawn" in report) != scores_tiles
    shown = [*(CLASSES if scores_tiles else ()), *OF_ATTENTION]
    assert f"the slide, then {'; '.join(shown)}; from dark violet" in report
    assert "attention, times the average of its slide" in report
    assert ("Ways to aggregate tiles" in report) == scores_tiles
    assert ("and no tile alone" in report) != scores_tiles
