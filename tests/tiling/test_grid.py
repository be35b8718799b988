import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as st_numpy

from slidemill.tiling.grid import TileGrid
from slidemill.units import Mpp, SlidePixels, TilePixels

masks = st_numpy.arrays(np.bool_, st_numpy.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12))
sides = st.integers(1, 3000).map(SlidePixels)


@given(width=sides, height=sides, extent=st.integers(20, 800).map(SlidePixels))
def test_tiles_are_full_disjoint_and_leave_less_than_one_tile_over(width, height, extent):
    grid = TileGrid(columns=width // extent, rows=height // extent, extent=extent)
    corners = grid.corners()
    assert corners.shape == (grid.rows, grid.columns, 2)
    assert len({tuple(corner) for corner in corners.reshape(-1, 2).tolist()}) == grid.tile_count
    if grid.tile_count:
        assert corners[-1, -1].tolist() == [(grid.columns - 1) * extent, (grid.rows - 1) * extent]
        assert 0 <= width - corners[-1, -1, 0] - extent < extent
        assert 0 <= height - corners[-1, -1, 1] - extent < extent


@given(slide=st.floats(0.1, 1.0), tile=st.floats(0.1, 4.0), size=st.sampled_from([128, 256, 512]))
def test_the_extent_is_a_multiple_that_needs_no_resampling_or_nearest_to_what_is_asked_for(slide, tile, size):
    grid = TileGrid.of_slide(
        SlidePixels(10**6), SlidePixels(10**6), slide_mpp=Mpp(slide), tile_mpp=Mpp(tile), size=TilePixels(size)
    )
    wanted = size * tile / slide
    if grid.extent in [size * 2**power for power in range(7)]:
        assert abs(grid.extent - wanted) <= 0.021 * wanted + 0.5
    else:
        assert abs(grid.extent - wanted) <= 0.5 + 1e-9
        assert all(abs(grid.extent - size * 2**power) > 0.02 * size * 2**power for power in range(7))


@pytest.mark.parametrize(
    ("slide_mpp", "tile_mpp", "extent"),
    [
        (0.499, 0.5, 512),
        (0.2527, 0.5, 1024),
        (0.2520, 1.0, 2048),
        (0.2520, 2.0, 4096),
        (0.2325, 0.5, 1101),
        (0.55, 0.5, 465),
    ],
)
def test_the_usual_resolutions_of_scanners_need_no_resampling(slide_mpp, tile_mpp, extent):
    grid = TileGrid.of_slide(
        SlidePixels(10**5), SlidePixels(10**5), slide_mpp=Mpp(slide_mpp), tile_mpp=Mpp(tile_mpp), size=TilePixels(512)
    )
    assert grid.extent == extent


@given(mask=masks, width=st.integers(20, 90), height=st.integers(20, 90), extent=st.integers(1, 40))
def test_covered_fraction_is_the_exact_area(mask, width, height, extent):
    grid = TileGrid(columns=width // extent, rows=height // extent, extent=SlidePixels(extent))
    fractions = grid.covered_fraction(mask, SlidePixels(width), SlidePixels(height))
    assert fractions.shape == (grid.rows, grid.columns)
    # Magnified until edges of tiles and of mask pixels both lie on whole pixels, areas can be counted.
    magnified = np.repeat(np.repeat(mask, height, axis=0), width, axis=1)
    down, across = extent * mask.shape[0], extent * mask.shape[1]
    for row in range(min(grid.rows, 2)):
        for column in range(min(grid.columns, 2)):
            counted = magnified[row * down : (row + 1) * down, column * across : (column + 1) * across].mean()
            assert abs(fractions[row, column] - counted) < 1e-5
