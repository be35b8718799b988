"""A slide of which only a part was scanned: viewers show that part, and so do our pictures; the store keeps level 0."""

import json

import numpy as np
import openslide
import pytest
import tifffile

from slidemill.inference.store import Predictions, write_predictions
from slidemill.reporting.slide_outputs import Pictures, overlay_slide, picture_slide
from slidemill.slides import Bounds, from_viewer, open_slide, to_viewer
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

from ..scn_slide import write_scn

CANVAS = (6000, 5000)
BOUNDS = Bounds(2900, 1700, 1600, 1300)
TISSUE = (slice(300, 1000), slice(500, 1300))  # rows and columns of what was scanned
EXTENT = 128


@pytest.fixture(scope="module")
def scanned():
    """What viewers show of the slide: tissue on glass."""
    pixels = np.full((BOUNDS.height, BOUNDS.width, 3), (241, 240, 242), np.uint8)
    pixels[TISSUE] = (220, 120, 180)
    noise = np.random.default_rng(0).normal(0, 2, pixels.shape)
    return np.clip(pixels + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def run(scanned, tmp_path_factory):
    """The slide's file, its tile store and predictions, all of class a, in a folder."""
    folder = tmp_path_factory.mktemp("scn")
    slide = write_scn(folder / "s.scn", scanned, corner=BOUNDS[:2], canvas=CANVAS)
    parameters = TilingParameters(mpp=0.5, tile_size=TilePixels(EXTENT), max_background=0.5, jpeg_quality=85)
    tile_slide(SlideSource(slide, "S", "P"), parameters, records=folder / "s.tfrecord", store=folder / "store.zarr.zip")
    store = read_store(folder / "store.zarr.zip")
    scores = np.tile(np.array([[0.9, 0.1]], np.float32), (len(store.coordinates), 1))
    predictions = Predictions("S", "P", ("a", "b"), store.coordinates, scores, store.summary.tile_extent, "", "m")
    write_predictions(folder / "predictions.zarr.zip", predictions)
    return folder


@pytest.fixture(scope="module")
def pictures(run):
    made = Pictures(*(run / name for name in ("s.png", "s.geojson", "preview.jpg", "tiles.jpg")))
    files = {"store_path": run / "store.zarr.zip", "predictions_path": run / "predictions.zarr.zip"}
    picture_slide(slide=run / "s.scn", mpp=4.0, pictures=made, **files)
    overlay_slide(slide=run / "s.scn", mpp=2.0, output=run / "s.ome.tiff", **files)
    return made


def test_the_slide_has_bounds_by_openslides_word(run):
    with openslide.OpenSlide(run / "s.scn") as slide:
        assert slide.dimensions == CANVAS
        assert tuple(int(slide.properties[f"openslide.bounds-{name}"]) for name in ("x", "y", "width", "height")) == (
            BOUNDS
        )


def test_the_store_keeps_level_0_and_tells_the_bounds(run):
    store = read_store(run / "store.zarr.zip")
    assert store.summary.slide.bounds == BOUNDS
    assert (store.summary.slide.width, store.summary.slide.height) == CANVAS
    rows, columns = TISSUE
    left, top = BOUNDS.x + columns.start, BOUNDS.y + rows.start
    right, bottom = BOUNDS.x + columns.stop, BOUNDS.y + rows.stop
    middles = store.coordinates + EXTENT // 2
    assert len(middles) > 20
    assert ((middles > (left - 8, top - 8)) & (middles < (right + 8, bottom + 8))).all()
    assert store.thumbnail.shape[:2] == store.tissue_mask.shape


def test_the_geojson_lies_over_the_tissue_that_qupath_shows(pictures, scanned):
    features = json.loads(pictures.geojson.read_text())["features"]
    tissue = scanned[..., 1] < 180
    for feature in features:
        (ring,) = feature["geometry"]["coordinates"]
        (left, top), (right, bottom) = np.min(ring, axis=0), np.max(ring, axis=0)
        assert (right - left, bottom - top) == (EXTENT, EXTENT)
        assert tissue[top:bottom, left:right].mean() > 0.45
    covered = sum(tissue[ring[0][1] : ring[2][1], ring[0][0] : ring[2][0]].sum() for ring in map(_ring, features))
    assert covered > 0.85 * tissue.sum()


def _ring(feature):
    return feature["geometry"]["coordinates"][0]


def test_the_picture_holds_what_was_scanned_and_colours_its_tissue(run, scanned):
    with open_slide(run / "s.scn") as reader:
        shown = reader.overview(400, in_bounds=True)
    assert shown.shape == (325, 400, 3)
    expected = scanned.reshape(325, 4, 400, 4, 3).mean(axis=(1, 3))
    assert np.abs(shown - expected).mean() < 3


def test_the_pyramid_is_as_large_as_what_was_scanned(pictures, run, scanned):
    assert pictures.png.exists()
    picture = tifffile.imread(run / "s.ome.tiff", key=0)
    assert picture.shape == (BOUNDS.height // 4, BOUNDS.width // 4, 3)
    is_coloured = picture.max(axis=-1).astype(int) - picture.min(axis=-1) > 60  # as score 0.9 is, over grey
    tissue = scanned[::4, ::4, 1] < 180
    assert is_coloured[tissue].mean() > 0.85
    assert is_coloured[~tissue].mean() < 0.15


def test_both_ways_between_a_viewer_and_level_0():
    points = np.array([(2900, 1700), (3000, 2000)])
    assert to_viewer(points, BOUNDS).tolist() == [[0, 0], [100, 300]]
    np.testing.assert_array_equal(from_viewer(to_viewer(points, BOUNDS), BOUNDS), points)
    assert to_viewer(points, None) is points


def test_the_thumbnail_that_is_shown_is_that_of_the_scanned_part(run):
    store = read_store(run / "store.zarr.zip")
    height, width = store.shown_thumbnail.shape[:2]
    assert width / height == pytest.approx(BOUNDS.width / BOUNDS.height, rel=0.05)
    stained = store.shown_thumbnail[..., 1] < 180
    rows, columns = TISSUE
    share = (rows.stop - rows.start) * (columns.stop - columns.start) / (BOUNDS.width * BOUNDS.height)
    assert stained.mean() == pytest.approx(share, abs=0.03)
