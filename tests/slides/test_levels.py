"""Levels whose factor is no whole number: they are used, and what is read from them lies where it should."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

from slidemill.slides import open_slide
from slidemill.slides.levels import axis_downsamples, level_for

# Test modules are no package: this one is found by its place.
_SPEC = importlib.util.spec_from_file_location("tiff_cases", Path(__file__).with_name("tiff_cases.py"))
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

LOSSLESS = next(case for case in cases.CASES if case.name == "deflate")
WIDTH, HEIGHT = 8000, 1203
PERIOD = 64  # level-0 pixels of the waves
BLUE = (60, 200)  # of the levels


def waves(width, height, blue):
    """Waves of `PERIOD` level-0 pixels along x in red and along y in green, in a picture of the whole slide."""
    x, y = ((np.arange(side) + 0.5) * (full / side) for side, full in ((width, WIDTH), (height, HEIGHT)))
    red, green = (127 + 100 * np.sin(2 * np.pi * places / PERIOD) for places in (x[None, :], y[:, None]))
    return np.stack(np.broadcast_arrays(red, green, np.float64(blue)), axis=-1).round().astype(np.uint8)


def shift_px(values, start, step):
    """By how many level-0 pixels a wave is away from where it should be."""
    angles = 2 * np.pi * (start + (np.arange(len(values)) + 0.5) * step) / PERIOD
    wave = values - values.mean()
    return PERIOD * np.arctan2(wave @ np.cos(angles), wave @ np.sin(angles)) / (2 * np.pi)


@pytest.fixture(scope="module")
def slide(tmp_path_factory):
    """A slide whose second level is 4.004 times smaller along x and 4.01 times along y."""
    path = tmp_path_factory.mktemp("levels") / "s.tif"
    levels = [waves(WIDTH, HEIGHT, BLUE[0]), waves(1998, 300, BLUE[1])]
    return cases.write(path, LOSSLESS, levels)


@pytest.mark.parametrize("reader", ["direct", "openslide"])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (1024, 512), (WIDTH - 512, HEIGHT - 512)])
def test_the_level_is_read_and_what_it_gives_lies_where_it_should(slide, reader, x, y):
    with open_slide(slide, reader) as opened:
        (tile,) = opened.map_tiles(lambda _, pixels: pixels.astype(float), np.array([(x, y)]), extent=512, size=128)
    assert abs(tile[8:-8, 8:-8, 2].mean() - BLUE[1]) < 1
    inside = slice(16, -16)  # whole waves
    assert abs(shift_px(tile[8:-8, inside, 0].mean(axis=0), x + 64, 4)) < 0.5
    assert abs(shift_px(tile[inside, 8:-8, 1].mean(axis=1), y + 64, 4)) < 0.5


@pytest.mark.parametrize("reader", ["direct", "openslide"])
def test_tiles_that_need_more_pixels_get_them_from_level_0(slide, reader):
    with open_slide(slide, reader) as opened:
        (tile,) = opened.map_tiles(lambda _, pixels: pixels.astype(float), np.array([(0, 0)]), extent=500, size=128)
    assert abs(tile[..., 2].mean() - BLUE[0]) < 1


@pytest.mark.parametrize(
    ("base", "level", "expected"),
    [
        ((8000, 4000), (2000, 1000), (4.0, 4.0)),
        ((46000, 32914), (11500, 8228), (4.0, 4.0)),  # rounded down
        ((8003, 4001), (2001, 1001), (4.0, 4.0)),  # rounded up
        ((8000, 4000), (1998, 1000), (8000 / 1998, 4.0)),
        ((700, 600), (700, 600), (1.0, 1.0)),
    ],
)
def test_factors_are_whole_where_only_rounding_stands_against_it(base, level, expected):
    assert axis_downsamples(base, level) == expected


@pytest.mark.parametrize(("asked", "number"), [(4.0, 1), (3.965, 1), (3.95, 0), (15.9, 2), (100.0, 2), (0.9, 0)])
def test_a_level_within_1_percent_serves(asked, number):
    assert level_for((1.0, 4.0006, 16.01), asked) == number
