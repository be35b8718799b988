"""Tiles around listed places: shares of masks against fine rasters, and against tiles of the grid."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.records import parse_example, read_records
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.grid import TileGrid
from slidemill.tiling.listed import covered_share
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

PARAMETERS = TilingParameters(mpp=0.5, tile_size=TilePixels(128), max_background=0.5, jpeg_quality=85)


@given(st.integers(0, 2**32), st.integers(1, 40), st.tuples(st.integers(40, 90), st.integers(40, 90)))
def test_shares_are_exact(seed, extent, size):
    random = np.random.default_rng(seed)
    mask = random.random((random.integers(1, 9), random.integers(1, 9))) < 0.5
    corners = np.stack([random.integers(0, side - extent + 1, 5) for side in size], axis=1)
    shares = covered_share(mask, corners, extent, size)
    # Every pixel of the mask is as many fine pixels as the slide is long, and the other way round.
    fine = np.kron(mask, np.ones(size[::-1], bool))
    for (x, y), share in zip(corners.tolist(), shares.tolist(), strict=True):
        rows = slice(y * mask.shape[0], (y + extent) * mask.shape[0])
        columns = slice(x * mask.shape[1], (x + extent) * mask.shape[1])
        assert share == pytest.approx(fine[rows, columns].mean(), abs=1e-6)


def test_on_a_grid_they_are_those_of_the_grid():
    random = np.random.default_rng(1)
    mask, grid = random.random((37, 53)) < 0.4, TileGrid(7, 5, 100)
    expected = grid.covered_fraction(mask, 730, 540).ravel()
    found = covered_share(mask, grid.corners().reshape(-1, 2), 100, (730, 540))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.fixture(scope="module")
def slide(draw_slide):
    return draw_slide("glands 20x 0.9x0.8mm")


def cut(slide, folder, centres=None, threads=1, parameters=PARAMETERS):
    store, records = folder / "s.zarr.zip", folder / "s.tfrecord"
    source = SlideSource(path=slide, slide_id="S", patient_id="P")
    tile_slide(source, parameters, store=store, records=records, centres=centres, threads=threads)
    return read_store(store), [parse_example(record) for record in read_records(records)]


def test_around_the_middles_of_the_grids_tiles_they_are_its_tiles(slide, tmp_path):
    grid, of_grid = cut(slide, tmp_path)
    extent = grid.summary.tile_extent
    listed, of_list = cut(slide, tmp_path, grid.coordinates + extent // 2)
    assert len(of_grid) > 10
    np.testing.assert_array_equal(listed.coordinates, grid.coordinates)
    np.testing.assert_allclose(listed.tissue_fraction, grid.tissue_fraction)
    np.testing.assert_array_equal(listed.quality, grid.quality)
    assert of_list == of_grid


def test_tiles_lie_anywhere_and_over_each_other_and_not_over_an_edge(slide, tmp_path):
    facts = cut(slide, tmp_path)[0].summary.slide
    half = 64
    kept = np.array([[half, half], [501, 333], [510, 340], [facts.width - half, facts.height - half]])
    lost = np.array([[half - 1, 400], [facts.width - half + 1, 500], [0, facts.height]])
    centres = np.concatenate([kept, lost])
    centres = centres[np.lexsort(centres.T)]
    store, records = cut(slide, tmp_path, centres, threads=2, parameters=replace(PARAMETERS, max_background=1.0))
    assert {tuple(corner) for corner in store.coordinates.tolist()} == {(x - half, y - half) for x, y in kept.tolist()}
    assert {(record["tile/x"], record["tile/y"]) for record in records} == set(map(tuple, store.coordinates.tolist()))


def test_a_slide_that_gives_none_of_its_patches_says_so(slide, tmp_path):
    store, records = cut(slide, tmp_path, np.array([[0, 0]]))
    assert store.summary.status == "set_aside"
    assert "gives none of its listed patches" in store.summary.reason
    assert records == []
