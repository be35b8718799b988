"""A slide whose classes are known by its colours: heatmap, GeoJSON and tile sheet say the same of the same places."""

import json

import numpy as np
import pytest
import shapely

from slidemill.inference.store import Predictions
from slidemill.reporting.geojson import write_geojson
from slidemill.reporting.heatmap import slide_panels
from slidemill.reporting.tile_sheet import CELL_PX, read_cell, write_tile_sheet
from slidemill.tiling.store import SlideFacts
from slidemill.units import SlidePixels

EXTENT = SlidePixels(128)
COLUMNS, ROWS = 9, 6
MARGIN = 40  # at the right and at the bottom, where no full tile fits
FACTS = SlideFacts(
    "generic", SlidePixels(COLUMNS * EXTENT + MARGIN), SlidePixels(ROWS * EXTENT + MARGIN), 0.5, "properties", 20.0
)
GREY = {0: 40, 1: 130, None: 250}  # of the slide where a class is, and where nothing is


@pytest.fixture(scope="module")
def classes_of_tiles():
    """(rows, columns): class 0 or 1, or None for a tile that was left out."""
    return np.random.default_rng(4).choice(np.array([0, 1, None], object), (ROWS, COLUMNS))


@pytest.fixture(scope="module")
def slide(classes_of_tiles):
    """Level 0: each tile in the grey of its class."""
    pixels = np.full((FACTS.height, FACTS.width, 3), GREY[None], np.uint8)
    for (row, column), name in np.ndenumerate(classes_of_tiles):
        pixels[row * EXTENT : (row + 1) * EXTENT, column * EXTENT : (column + 1) * EXTENT] = GREY[name]
    return pixels


@pytest.fixture(scope="module")
def predictions(classes_of_tiles):
    kept = [(row, column) for (row, column), name in np.ndenumerate(classes_of_tiles) if name is not None]
    names = np.array([classes_of_tiles[place] for place in kept], int)
    coordinates = np.array([(column * EXTENT, row * EXTENT) for row, column in kept], np.int64)
    return Predictions("s", "p", ("a", "b"), coordinates, np.eye(2, dtype=np.float32)[names], EXTENT, "", "m")


@pytest.mark.parametrize("shrink", [1, 4, 8])
def test_every_pixel_has_the_colour_of_its_own_class(slide, classes_of_tiles, predictions, shrink):
    """Pixels of one kind (class a, class b, left out, outside the grid) get one colour each, and no pixel another's."""
    overview = slide[::shrink, ::shrink]
    _, *panels = slide_panels(overview, FACTS, predictions)
    kinds = np.full(overview.shape[:2], 3)
    for (row, column), name in np.ndenumerate(classes_of_tiles):
        side = EXTENT // shrink
        kinds[row * side : (row + 1) * side, column * side : (column + 1) * side] = 2 if name is None else name
    for place, panel in enumerate(panels):
        own, other = (np.unique(panel.picture[kinds == kind], axis=0) for kind in (place, 1 - place))
        assert len(own) == len(other) == 1
        assert (own != other).any()
        assert (panel.picture[kinds == 3] == GREY[None]).all()
        left_out = panel.picture[kinds == 2]
        assert 0.05 < (left_out != GREY[None]).any(axis=1).mean() < 0.3  # hatched
        assert (panel.picture[kinds == 2] != own[0]).any(axis=1).all()


def test_shapely_finds_each_square_over_its_class(slide, predictions, tmp_path):
    write_geojson(predictions, tmp_path / "s.geojson")
    text = (tmp_path / "s.geojson").read_text()
    squares = shapely.get_parts(shapely.from_geojson(text))
    features = json.loads(text)["features"]
    assert len(squares) == len(features) == len(predictions.scores)
    assert shapely.is_valid(squares).all()
    assert (shapely.area(squares) == EXTENT**2).all()
    assert shapely.area(shapely.union_all(squares)) == len(squares) * EXTENT**2  # none overlaps another
    for square, feature in zip(squares, features, strict=True):
        left, top, right, bottom = (int(side) for side in square.bounds)
        name = feature["properties"]["classification"]["name"]
        assert (slide[top:bottom, left:right] == GREY[("a", "b").index(name)]).all()
        assert feature["properties"]["measurements"] == {"a": float(name == "a"), "b": float(name == "b")}


def test_the_file_follows_rfc_7946(predictions, tmp_path):
    write_geojson(predictions, tmp_path / "s.geojson")
    collection = json.loads((tmp_path / "s.geojson").read_text())
    assert set(collection) == {"type", "features"}  # section 3.3
    for feature in collection["features"]:
        assert set(feature) == {"type", "geometry", "properties"}  # section 3.2
        assert set(feature["geometry"]) == {"type", "coordinates"}
        for ring in feature["geometry"]["coordinates"]:  # section 3.1.6
            assert len(ring) >= 4
            assert ring[0] == ring[-1]
            assert all(len(position) == 2 and all(isinstance(x, int) for x in position) for position in ring)
            assert shapely.is_ccw(shapely.LinearRing(ring))


def test_the_sheet_shows_the_tiles_of_each_class(slide, predictions, tmp_path):
    class Reader:
        def map_tiles(self, finish, corners, *, extent, size, threads=1, damaged=None):
            for number, (x, y) in enumerate(corners.tolist()):
                yield finish(number, np.full((size, size, 3), slide[y, x, 0], np.uint8))

    write_tile_sheet(tmp_path / "s.jpg", Reader(), predictions)
    for place in range(2):
        for lowest in (False, True):
            cell = np.asarray(read_cell(tmp_path / "s.jpg", place=place, lowest=lowest, rank=1))
            assert cell.shape == (CELL_PX, CELL_PX, 3)
            assert abs(int(cell.mean()) - GREY[1 - place if lowest else place]) <= 2
