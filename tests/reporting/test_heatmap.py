import numpy as np
import pytest
from matplotlib import image

from slidemill.inference.store import write_predictions
from slidemill.reporting import slide_outputs
from slidemill.reporting.heatmap import draw_heatmap, draw_set_aside, scale_bar, slide_panels
from slidemill.reporting.overlay import colour_tiles, excluded_tiles, hatch_tiles, tile_numbers
from slidemill.reporting.slide_outputs import Pictures, picture_side, picture_slide
from slidemill.tiling.store import SlideFacts, write_store
from slidemill.units import Microns, Mpp

from .fake_run import CLASSES, COORDINATES, EXTENT, FACTS, FakeSlide, predictions_of, store_of


def _pixels(png):
    return np.rint(image.imread(png)[:, :, :3] * 255).astype(np.uint8)


def _is_inside(figure, picture):
    """Whether the picture stands somewhere in the figure, pixel for pixel."""
    height, width = picture.shape[:2]
    windows = np.lib.stride_tricks.sliding_window_view(figure, (height, width, 3))[:, :, 0]
    corner = (windows[..., 0, :2, :] == picture[0, :2]).all(axis=(-1, -2))
    return any((windows[y, x] == picture).all() for y, x in np.argwhere(corner))


def test_the_panels_hold_the_pixels_one_to_one(tmp_path):
    overview = np.random.default_rng(0).integers(0, 256, (64, 96, 3), np.uint8)
    predictions = predictions_of(FakeSlide("s", "LUAD", "test"))
    draw_heatmap(slide_panels(overview, FACTS, predictions), FACTS, predictions, tmp_path / "s.png")
    figure = _pixels(tmp_path / "s.png")
    slide_size = (FACTS.width, FACTS.height)
    numbers = tile_numbers(COORDINATES, EXTENT, slide_size=slide_size, picture_size=(96, 64))
    excluded = excluded_tiles(COORDINATES, EXTENT, slide_size=slide_size)
    assert sorted(map(tuple, excluded.tolist())) == [(0, 512), (512, 512), (1024, 0)]
    hatched = hatch_tiles(overview, tile_numbers(excluded, EXTENT, slide_size=slide_size, picture_size=(96, 64)))
    assert _is_inside(figure, overview)
    for place in range(len(CLASSES)):
        assert _is_inside(figure, colour_tiles(hatched, numbers, predictions.scores[:, place]))


def test_the_same_slide_gives_the_same_bytes(tmp_path):
    overview = np.zeros((64, 96, 3), np.uint8)
    for name in ("a.png", "b.png"):
        predictions = predictions_of(FakeSlide("$s_1^$", "LUAD", "test"))
        draw_heatmap(slide_panels(overview, FACTS, predictions), FACTS, predictions, tmp_path / name)
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_letters_that_the_font_lacks_are_written_as_their_numbers(tmp_path):
    for name, slide_id in (
        ("a.png", "M\u00fcller_\u80ba-1"),
        ("b.png", "M\u00fcller_(U+80BA)-1"),
        ("c.png", "M\u00fcller_-1"),
    ):
        draw_set_aside(None, slide_id, "no tissue", tmp_path / name)
    lacking, written, without = ((tmp_path / name).read_bytes() for name in ("a.png", "b.png", "c.png"))
    assert lacking == written
    assert lacking != without


@pytest.mark.parametrize("overview", [None, np.zeros((64, 96, 3), np.uint8)])
def test_a_slide_set_aside_gets_a_picture(tmp_path, overview):
    draw_set_aside(overview, "s", "no tissue " * 40, tmp_path / "s.png")
    assert len(_pixels(tmp_path / "s.png")) > 60


@pytest.mark.parametrize(("longest", "bar"), [(1.0, 1), (19.9, 10), (20.0, 20), (499, 200), (999, 500), (7000, 5000)])
def test_scale_bars_have_round_lengths(longest, bar):
    assert scale_bar(Microns(longest)) == bar


@pytest.mark.parametrize(("width", "mpp", "side"), [(16000, 8.0, 1000), (160_000, 8.0, 4096), (10, 50.0, 1)])
def test_the_picture_has_the_resolution_asked_for_up_to_a_limit(width, mpp, side):
    slide = SlideFacts("generic", width, width // 2, 0.5, "properties", None)
    assert picture_side(slide, Mpp(mpp)) == side


def test_a_slide_set_aside_is_not_opened(tmp_path, monkeypatch):
    monkeypatch.setattr(slide_outputs, "open_slide", None)
    slide = FakeSlide("s", "LUAD", "test", reason="the file is damaged")
    write_store(tmp_path / "store.zarr.zip", store_of(slide))
    write_predictions(tmp_path / "predictions.zarr.zip", predictions_of(slide))
    picture_slide(
        slide=tmp_path / "absent.svs",
        store_path=tmp_path / "store.zarr.zip",
        predictions_path=tmp_path / "predictions.zarr.zip",
        mpp=8.0,
        pictures=Pictures(*(tmp_path / name for name in ("s.png", "s.geojson", "preview.jpg", "tiles.jpg"))),
    )
    assert (tmp_path / "preview.jpg").exists()
    assert (tmp_path / "tiles.jpg").exists()
    assert (tmp_path / "s.png").exists()
    assert (tmp_path / "s.geojson").read_text() == '{"type":"FeatureCollection","features":[]}\n'
