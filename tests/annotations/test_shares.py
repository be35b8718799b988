import numpy as np
import pytest
import shapely
from hypothesis import assume, given
from hypothesis import strategies as st

from slidemill.annotations.regions import Region
from slidemill.annotations.shares import class_areas, tile_shares

SIDE, EXTENT = 240, 40
GRID = np.stack(np.meshgrid(np.arange(0, SIDE, EXTENT), np.arange(0, SIDE, EXTENT)), axis=-1).reshape(-1, 2)
FINE = 2  # points of the raster for each pixel


@st.composite
def stars(draw):
    """A polygon without crossings, around a centre."""
    count = draw(st.integers(3, 9))
    x, y = draw(st.integers(60, 180)), draw(st.integers(60, 180))
    radii = [draw(st.integers(8, 90)) for _ in range(count)]
    angles = np.linspace(0, 2 * np.pi, count, endpoint=False)
    return shapely.Polygon([(x + r * np.cos(a), y + r * np.sin(a)) for r, a in zip(radii, angles, strict=True)])


@st.composite
def holed(draw):
    """One of them with a hole."""
    outer, hole = draw(stars()), draw(stars())
    return outer.difference(hole.intersection(outer.buffer(-3)))


def rastered(area):
    """Share of each tile by the points of a fine raster."""
    at = (np.arange(SIDE * FINE) + 0.5) / FINE
    inside = shapely.contains_xy(area, *np.meshgrid(at, at))
    n = SIDE // EXTENT
    return inside.reshape(n, EXTENT * FINE, n, EXTENT * FINE).mean(axis=(1, 3)).reshape(-1)


@given(area=holed())
def test_shares_are_those_of_a_fine_raster(area):
    assume(area.area > 0)
    # A point of the raster stands for a quarter of a pixel; an edge crosses a tile along a few of its sides.
    np.testing.assert_allclose(tile_shares([area], GRID, EXTENT)[:, 0], rastered(area), atol=0.03)


@given(area=holed())
def test_shares_add_up_to_the_area(area):
    inside = area.intersection(shapely.box(0, 0, SIDE, SIDE))
    assert tile_shares([area], GRID, EXTENT).astype(float).sum() * EXTENT**2 == pytest.approx(inside.area, abs=0.01)


@given(area=holed(), dx=st.integers(-5000, 50_000), dy=st.integers(-5000, 50_000), scale=st.sampled_from([0.5, 2, 7]))
def test_shares_move_and_grow_with_tiles(area, dx, dy, scale):
    moved = shapely.transform(area, lambda points: points * scale + [dx, dy])
    np.testing.assert_allclose(
        tile_shares([moved], GRID * scale + [dx, dy], EXTENT * scale), tile_shares([area], GRID, EXTENT), atol=1e-5
    )


@given(first=holed(), second=holed(), third=stars())
def test_no_area_is_counted_twice(first, second, third):
    regions = [Region("a", first), Region("b", second), Region("c", third), Region("a", third)]
    areas = class_areas(regions, {"tumour": ["a"], "stroma": ["b"]}, without=["c"])
    shares = tile_shares(list(areas.values()), GRID, EXTENT)
    assert (shares.sum(axis=1) <= 1 + 1e-6).all()
    np.testing.assert_allclose(shares[:, 0], rastered(first.difference(third)), atol=0.04)
    np.testing.assert_allclose(shares[:, 1], rastered(second.difference(first).difference(third)), atol=0.05)


def test_holes_and_exclusions_are_taken_out():
    ring = shapely.Polygon([(0, 0), (40, 0), (40, 40), (0, 40)], [[(10, 10), (20, 10), (20, 20), (10, 20)]])
    without = Region("_2", shapely.box(30, 30, 60, 60))
    areas = class_areas([Region("Tumor", ring), without], {"tumour": ["Tumor", "_0"], "rare": ["_9"]}, ["_2"])
    shares = tile_shares(list(areas.values()), GRID[:2], EXTENT)
    np.testing.assert_allclose(shares, [[(1600 - 100 - 100) / 1600, 0], [0, 0]])


def test_a_polygon_of_many_vertices_is_as_exact_as_one_of_few():
    angles = np.linspace(0, 2 * np.pi, 20_000, endpoint=False)
    circle = shapely.Polygon(np.stack([120 + 90 * np.cos(angles), 120 + 90 * np.sin(angles)], axis=1))
    assert tile_shares([circle], GRID, EXTENT).astype(float).sum() * EXTENT**2 == pytest.approx(circle.area, rel=1e-6)


@pytest.mark.parametrize("reach", [119, 120, 121])
def test_outlines_along_a_cut_are_as_exact_as_others(reach):
    """Combs of many teeth from above and below, whose tips meet, touch or pass the middle, where the area is cut."""
    above = [shapely.box(x, 0, x + 1, reach) for x in range(0, SIDE, 2)]
    below = [shapely.box(x, SIDE - reach, x + 1, SIDE) for x in range(1, SIDE, 2)]
    comb = shapely.union_all([*above, *below, shapely.box(0, 0, SIDE, 1), shapely.box(0, SIDE - 1, SIDE, SIDE)])
    tiles = shapely.box(*GRID.T, *(GRID + EXTENT).T)
    exact = shapely.area(shapely.intersection(comb, tiles)) / EXTENT**2
    np.testing.assert_allclose(tile_shares([comb], GRID, EXTENT)[:, 0], exact, atol=1e-6)


def test_no_tiles_and_no_area():
    assert tile_shares([shapely.box(0, 0, 1, 1)], np.zeros((0, 2)), 10).shape == (0, 1)
    assert not tile_shares([shapely.MultiPolygon()], GRID, EXTENT).any()
