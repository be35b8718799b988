import json
from itertools import pairwise

from slidemill.reporting.geojson import write_geojson
from slidemill.reporting.palette import class_rgb

from .fake_run import CLASSES, COORDINATES, EXTENT, FakeSlide, predictions_of


def _features(tmp_path, slide):
    write_geojson(predictions_of(slide), tmp_path / "s.geojson")
    collection = json.loads((tmp_path / "s.geojson").read_text())
    assert collection["type"] == "FeatureCollection"
    return collection["features"]


def test_each_tile_is_its_square_in_level_0_pixels(tmp_path):
    features = _features(tmp_path, FakeSlide("s", "LUAD", "test"))
    assert len(features) == len(COORDINATES)
    for feature, (x, y) in zip(features, COORDINATES.tolist(), strict=True):
        (ring,) = feature["geometry"]["coordinates"]
        assert (feature["type"], feature["geometry"]["type"]) == ("Feature", "Polygon")
        assert ring[0] == ring[-1] == [x, y]
        assert sorted(ring[:4]) == sorted([u, v] for u in (x, x + EXTENT) for v in (y, y + EXTENT))


def test_rings_turn_as_rfc_7946_asks(tmp_path):
    (ring,) = _features(tmp_path, FakeSlide("s", "LUAD", "test"))[0]["geometry"]["coordinates"]
    twice_the_area = sum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))
    assert twice_the_area == 2 * EXTENT**2  # positive: counterclockwise


def test_properties_are_what_qupath_reads(tmp_path):
    properties = _features(tmp_path, FakeSlide("s", "LUAD", "test", scores=(0.25, 0.625, 0.125)))[0]["properties"]
    assert properties == {
        "objectType": "tile",
        "classification": {"name": "LUSC", "color": list(class_rgb(CLASSES.index("LUSC")))},
        "measurements": {"LUAD": 0.25, "LUSC": 0.625, "Normal": 0.125},
    }


def test_a_slide_set_aside_has_no_features(tmp_path):
    assert _features(tmp_path, FakeSlide("s", "LUAD", "test", reason="no tissue")) == []
