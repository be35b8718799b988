"""From the vertices in a file to a region: checked, mended where an outline crosses itself."""

from collections.abc import Sequence

import numpy as np
import shapely

from slidemill.annotations.regions import Annotations, Mend, Region

_LEAST_VERTICES = 3
# Coordinates beyond this are no pixels of a slide, and areas of them are no exact numbers any more.
_GREATEST = 1e7


_Vertices = Sequence[Sequence[float]]


class OutlineError(ValueError):
    """An outline that is no polygon, with the reason."""


def add_region(annotations: Annotations, name: str, outer: _Vertices, holes: Sequence[_Vertices] = ()) -> None:
    """Add a region by its outline and the outlines of its holes, each a list of (x, y).

    An outline of fewer than three different points encloses nothing and is counted as a point or a line.

    Raises:
        OutlineError: a vertex is not two finite numbers within the size of a slide.
    """
    ring = _ring(outer)
    different = _different(ring)
    if different < _LEAST_VERTICES:
        annotations.passed_over["point" if different <= 1 else "line"] += 1
        return
    inner = [hole for hole in map(_ring, holes) if _different(hole) >= _LEAST_VERTICES]
    add_area(annotations, name, shapely.Polygon(ring, inner))


def add_area(annotations: Annotations, name: str, drawn: shapely.Geometry) -> None:
    """Add a region by its geometry, which is mended where it is not valid."""
    area = _valid(drawn)
    if area is not drawn:
        before = sum(_shoelace(polygon) for polygon in shapely.get_parts(drawn))
        annotations.mends.append(Mend(name, shapely.is_valid_reason(drawn), before, area.area))
    if not area.is_empty:
        annotations.regions.append(Region(name, area))


def _ring(vertices: _Vertices) -> np.ndarray:
    try:
        ring = np.asarray(vertices, np.float64)
    except (TypeError, ValueError, OverflowError):
        raise OutlineError("a vertex is not a pair of numbers") from None
    if ring.size == 0:
        return np.zeros((0, 2))
    if ring.ndim != 2 or ring.shape[1] not in (2, 3):  # GeoJSON allows a height
        raise OutlineError("a vertex is not a pair of numbers")
    if not (np.abs(ring[:, :2]) <= _GREATEST).all():  # refuses NaN as well
        raise OutlineError(
            f"a vertex is no place on a slide: {ring[~(np.abs(ring[:, :2]) <= _GREATEST).all(axis=1)][0]}"
        )
    return ring[:, :2]


def _different(ring: np.ndarray) -> int:
    """Number of different vertices, counted up to three."""
    count = 0
    while len(ring) and count < _LEAST_VERTICES:
        ring = ring[(ring != ring[0]).any(axis=1)]
        count += 1
    return count


def _valid(drawn: shapely.Geometry) -> shapely.Geometry:
    """The drawn area, or what was meant where it crosses itself: all that any of its loops encloses, less the holes."""
    if drawn.is_valid:
        return drawn
    mended = shapely.make_valid(drawn, method="structure", keep_collapsed=False)
    polygons = [part for part in shapely.get_parts(mended) if part.geom_type in ("Polygon", "MultiPolygon")]
    return shapely.union_all(polygons) if polygons else shapely.MultiPolygon()


def _shoelace(polygon: shapely.Polygon) -> float:
    """Area by the shoelace formula, which for an outline that crosses itself counts by winding."""
    return abs(_signed_area(polygon.exterior)) - sum(abs(_signed_area(hole)) for hole in polygon.interiors)


def _signed_area(ring: shapely.LinearRing) -> float:
    x, y = shapely.get_coordinates(ring).T
    x, y = x - x[0], y - y[0]  # products of small numbers are exact for longer
    return float(np.dot(x[:-1], y[1:]) - np.dot(x[1:], y[:-1])) / 2
