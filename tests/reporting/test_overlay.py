import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib import colormaps

from slidemill.reporting.overlay import colour_bar, colour_tiles, score_colours, tile_numbers
from slidemill.units import SlidePixels

sides = st.integers(1, 90)


def _numbers(corners, extent, slide_size, picture_size):
    return tile_numbers(
        np.array(corners, np.int64).reshape(-1, 2),
        SlidePixels(extent),
        slide_size=slide_size,
        picture_size=picture_size,
    )


def test_tiles_cover_exactly_their_pixels():
    numbers = _numbers([(0, 0), (200, 100)], 100, slide_size=(400, 200), picture_size=(8, 4))
    assert numbers.tolist() == [
        [0, 0, -1, -1, -1, -1, -1, -1],
        [0, 0, -1, -1, -1, -1, -1, -1],
        [-1, -1, -1, -1, 1, 1, -1, -1],
        [-1, -1, -1, -1, 1, 1, -1, -1],
    ]


def test_x_is_the_column_and_y_the_row():
    numbers = _numbers([(30, 0)], 10, slide_size=(40, 20), picture_size=(4, 2))
    assert np.argwhere(numbers == 0).tolist() == [[0, 3]]


@given(columns=st.integers(1, 12), rows=st.integers(1, 12), extent=st.integers(1, 700), width=sides, height=sides)
def test_neighbours_share_their_edges_at_every_scale(columns, rows, extent, width, height):
    """A full grid leaves no pixel out, and each tile has the pixels whose rounded edges enclose them."""
    corners = [(x * extent, y * extent) for y in range(rows) for x in range(columns)]
    numbers = _numbers(corners, extent, (columns * extent, rows * extent), (width, height))
    assert numbers.min() >= 0
    column_of_pixel = np.searchsorted(_edges(columns, width), np.arange(width), side="right") - 1
    row_of_pixel = np.searchsorted(_edges(rows, height), np.arange(height), side="right") - 1
    assert (numbers == row_of_pixel[:, None] * columns + column_of_pixel).all()


def _edges(tiles, pixels):
    return np.floor(np.arange(tiles + 1) * pixels / tiles + 0.5 + 1e-9)


def test_a_large_slide_does_not_lose_precision():
    width = 300_000
    numbers = _numbers([(width - 512, 0)], 512, slide_size=(width, 512), picture_size=(width // 16, 32))
    assert np.flatnonzero(numbers[0] == 0).tolist() == list(range((width - 512) // 16, width // 16))


def test_only_scored_pixels_are_coloured():
    picture = np.random.default_rng(0).integers(0, 256, (20, 30, 3), np.uint8)
    before = picture.copy()
    numbers = _numbers([(10, 5)], 10, slide_size=(30, 20), picture_size=(30, 20))
    coloured = colour_tiles(picture, numbers, np.array([0.5]))
    inside = np.zeros((20, 30), bool)
    inside[5:15, 10:20] = True
    assert (coloured[~inside] == picture[~inside]).all()
    assert (coloured[inside] != picture[inside]).any(axis=1).all()
    assert (picture == before).all()


def test_a_colour_by_hand():
    picture = np.full((1, 1, 3), 100, np.uint8)  # grey stays 100
    coloured = colour_tiles(picture, np.zeros((1, 1), np.int32), np.array([1.0]))
    yellow = np.array(colormaps["viridis"](1.0)[:3]) * 255
    assert coloured[0, 0] == pytest.approx(0.65 * yellow + 0.35 * 100, abs=1)


def test_a_slide_without_tiles_stays_as_it_is():
    picture = np.full((4, 4, 3), 7, np.uint8)
    numbers = _numbers([], 0, slide_size=(40, 40), picture_size=(4, 4))
    assert (colour_tiles(picture, numbers, np.zeros(0)) == picture).all()


def test_the_colour_bar_goes_from_score_0_to_1():
    bar = colour_bar(256, 3)
    assert bar.shape == (3, 256, 3)
    ends = score_colours(np.array([0.0, 1.0]))
    assert bar[1, [0, -1]] == pytest.approx(0.65 * ends + 0.35 * 220, abs=1)
