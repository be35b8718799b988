"""How much of each tile each class covers, exactly."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import shapely

from slidemill.annotations.regions import Region, areas_by_name

# An intersection takes time with the vertices of both: large areas are cut into pieces of at most so many first.
_MOST_VERTICES = 96
_SLACK = 1e-9  # of an area
_NOTHING = shapely.MultiPolygon()


def class_areas(
    regions: Sequence[Region], classes: Mapping[str, Sequence[str]], without: Sequence[str] = ()
) -> dict[str, shapely.Geometry]:
    """The area of each class, none of which overlaps another.

    Where regions of two classes overlap, the area belongs to the class that comes first in `classes`; what lies under a
    region of `without` belongs to none.

    Args:
        regions: of a slide.
        classes: for each class the names of its regions.
        without: names of regions that are taken out of all others, such as holes.
    Returns:
        level-0 pixels; an empty area for a class without regions.
    """
    named = areas_by_name(regions)
    taken = shapely.union_all([named[name] for name in without if name in named] or [_NOTHING])
    areas = {}
    for class_name, names in classes.items():
        own = shapely.union_all([named[name] for name in names if name in named] or [_NOTHING])
        areas[class_name] = own.difference(taken)
        taken = taken.union(own)
    return areas


def tile_shares(areas: Sequence[shapely.Geometry], coordinates: np.ndarray, extent: int) -> np.ndarray:
    """Share of each tile that lies in each area.

    Args:
        areas: valid polygons, level-0 pixels.
        coordinates: (tiles, 2), level-0 pixels, x and y of the top left corner.
        extent: side of a tile, level-0 pixels.
    Returns:
        (tiles, areas) float32, 0 to 1.
    """
    shares = np.zeros((len(coordinates), len(areas)), np.float32)
    if not len(coordinates):
        return shares
    corners = np.asarray(coordinates, np.float64)
    tiles = shapely.box(*corners.T, *(corners + extent).T)
    tree = shapely.STRtree(tiles)
    for number, area in enumerate(areas):
        shares[:, number] = _covered(tree, tiles, area) / extent**2
    return np.clip(shares, 0.0, 1.0)


def _covered(tree: shapely.STRtree, tiles: np.ndarray, area: shapely.Geometry) -> np.ndarray:
    """(tiles,) float64, the area of each tile that `area` covers."""
    covered = np.zeros(len(tiles))
    pieces = np.array(list(_pieces(area)), dtype=object)
    if not len(pieces):
        return covered
    shapely.prepare(pieces)
    piece, tile = tree.query(pieces, predicate="intersects")
    whole = shapely.contains(pieces[piece], tiles[tile])
    covered += np.bincount(tile[whole], shapely.area(tiles[tile[whole]]), len(tiles))
    parts = shapely.area(shapely.intersection(pieces[piece[~whole]], tiles[tile[~whole]]))
    return covered + np.bincount(tile[~whole], parts, len(tiles))


def _pieces(area: shapely.Geometry) -> Iterator[shapely.Polygon]:
    """Disjoint polygons of few vertices that together are the area."""
    waiting = list(shapely.get_parts(area))
    while waiting:
        polygon = waiting.pop()
        if polygon.geom_type != "Polygon":
            waiting += [part for part in shapely.get_parts(polygon) if part.area > 0]
        elif shapely.get_num_coordinates(polygon) <= _MOST_VERTICES:
            yield polygon
        else:
            waiting += [half for half in _halves(polygon) if not half.is_empty and half.area > 0]


def _halves(polygon: shapely.Polygon) -> tuple[shapely.Geometry, shapely.Geometry]:
    """The polygon cut in the middle of its longer side."""
    left, top, right, bottom = polygon.bounds
    if right - left >= bottom - top:
        middle = (left + right) / 2
        boxes = (left, top, middle, bottom), (middle, top, right, bottom)
    else:
        middle = (top + bottom) / 2
        boxes = (left, top, right, middle), (left, middle, right, bottom)
    # Fifty times faster than an intersection, but not always clean where outlines touch themselves.
    first, second = (shapely.clip_by_rect(polygon, *box) for box in boxes)
    is_clean = first.is_valid and second.is_valid
    if is_clean and abs(first.area + second.area - polygon.area) <= _SLACK * polygon.area:
        return first, second
    return polygon.intersection(shapely.box(*boxes[0])), polygon.intersection(shapely.box(*boxes[1]))
