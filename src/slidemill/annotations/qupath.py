"""Annotations of QuPath.

Source: RFC 7946, and what QuPath 0.2 to 0.6 write: a FeatureCollection, a list of features or one feature;
`properties.classification` with `name` (older versions: and `colorRGB`; newer ones may have `names`). QuPath crops a
slide to what OpenSlide calls its bounds, so its coordinates start at the corner of those.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from slidemill.annotations.outlines import add_region
from slidemill.annotations.regions import Annotations

_WITHOUT_AREA = {"Point": "point", "MultiPoint": "point", "LineString": "line", "MultiLineString": "line"}
_SEPARATOR = ": "  # as QuPath joins the names of a derived class


def is_geojson(content: Any) -> bool:
    """Whether a JSON text is GeoJSON of any of QuPath's forms."""
    features = content if isinstance(content, list) else [content]
    return all(isinstance(one, Mapping) and one.get("type") in ("Feature", "FeatureCollection") for one in features)


def read_qupath(content: Any, origin: tuple[float, float] = (0.0, 0.0)) -> Annotations:
    """Read the regions of a GeoJSON text. The class of a region is its classification, else its name.

    Args:
        content: the parsed JSON.
        origin: x and y of QuPath's origin, level-0 pixels of OpenSlide.
    Raises:
        ValueError: with the reason, where it is no GeoJSON or a coordinate is no number.
    """
    annotations = Annotations()
    for feature in _features(content):
        properties = feature.get("properties") or {}
        if not isinstance(properties, Mapping):
            raise ValueError("the properties of a feature are no object")
        _add(annotations, _name(properties), feature.get("geometry"), origin)
    return annotations


def _features(content: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(content, Mapping) and content.get("type") == "FeatureCollection":
        content = content.get("features")
    for feature in content if isinstance(content, list) else [content]:
        if isinstance(feature, Mapping) and feature.get("type") == "FeatureCollection":
            yield from _features(feature)
        elif isinstance(feature, Mapping) and feature.get("type") == "Feature":
            yield feature
        else:
            raise ValueError("it holds something else than GeoJSON features")


def _name(properties: Mapping[str, Any]) -> str:
    classification = properties.get("classification")
    if isinstance(classification, Mapping):
        names = classification.get("names")
        name = classification.get("name") or (_SEPARATOR.join(map(str, names)) if isinstance(names, list) else None)
    else:
        name = classification
    return str(name or properties.get("name") or "")


def _add(annotations: Annotations, name: str, geometry: Any, origin: tuple[float, float]) -> None:
    if not isinstance(geometry, Mapping):
        annotations.passed_over["object"] += 1  # QuPath's root object has no geometry
        return
    kind, coordinates = geometry.get("type"), geometry.get("coordinates")
    if kind in _WITHOUT_AREA:
        annotations.passed_over[_WITHOUT_AREA[kind]] += _count(kind, coordinates)
    elif kind == "Polygon":
        _add_polygon(annotations, name, coordinates, origin)
    elif kind == "MultiPolygon" and isinstance(coordinates, list):
        for polygon in coordinates:
            _add_polygon(annotations, name, polygon, origin)
    elif kind == "GeometryCollection" and isinstance(geometry.get("geometries"), list):
        for part in geometry["geometries"]:
            _add(annotations, name, part, origin)
    else:
        raise ValueError(f"a geometry of type {kind!r} is unknown")


def _count(kind: str, coordinates: Any) -> int:
    if not kind.startswith("Multi"):
        return 1
    if not isinstance(coordinates, list):
        raise ValueError(f"the coordinates of a {kind} are no list")
    return len(coordinates)


def _add_polygon(annotations: Annotations, name: str, rings: Any, origin: tuple[float, float]) -> None:
    if not isinstance(rings, list) or not rings or not all(isinstance(ring, list) for ring in rings):
        raise ValueError("a polygon has no list of rings")
    outer, *holes = ([_moved(vertex, origin) for vertex in ring] for ring in rings)
    add_region(annotations, name, outer, holes)


def _moved(vertex: Any, origin: tuple[float, float]) -> tuple[float, float]:
    try:
        x, y = (float(value) for value in vertex[:2])
    except (TypeError, ValueError, OverflowError):
        raise ValueError(f"a vertex is {str(vertex)[:40]} and no pair of numbers") from None
    return x + origin[0], y + origin[1]
