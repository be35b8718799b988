"""Annotations of Aperio ImageScope.

Source: the XML that ImageScope 12 writes: `Annotation` (a layer, with Name) with `Region` (Type, NegativeROA) with
`Vertex` (X, Y), level-0 pixels. A negative region takes its area out of the others of its layer.
"""

import math
from typing import TYPE_CHECKING

import shapely

from slidemill.annotations.outlines import add_area, add_region
from slidemill.annotations.regions import Annotations
from slidemill.annotations.xml_values import number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = "Annotations"
_FREEHAND, _RECTANGLE, _ELLIPSE = "0", "1", "2"
_ELLIPSE_VERTICES = 128


def read_imagescope(root: "Element") -> Annotations:
    """Read the regions below the root of an ImageScope file. The class of a region is the name of its layer.

    Raises:
        ValueError: with the reason, where a coordinate is no number.
    """
    annotations = Annotations()
    for layer in root.iter("Annotation"):
        _add_layer(annotations, layer)
    return annotations


def stated_mpp(root: "Element") -> float | None:
    """Microns per pixel of the slide that was annotated, where the file states it."""
    try:
        mpp = number(root, "MicronsPerPixel")
    except ValueError:
        return None
    return mpp if math.isfinite(mpp) and mpp > 0 else None


def _add_layer(annotations: Annotations, layer: "Element") -> None:
    positive, negative = Annotations(), Annotations()
    for element in layer.iter("Region"):
        into = negative if element.get("NegativeROA", "0") == "1" else positive
        _add_region(into, _name(layer), element)
    for part in (positive, negative):
        annotations.passed_over += part.passed_over
        annotations.mends += part.mends
    holes = shapely.union_all([region.area for region in negative.regions])
    for region in positive.regions:
        add_area(annotations, region.name, shapely.difference(region.area, holes) if negative.regions else region.area)


def _name(layer: "Element") -> str:
    """The layer's name, which users write into one of two places, else its number."""
    if layer.get("Name"):
        return layer.get("Name", "")
    described = (
        attribute.get("Value") for attribute in layer.iter("Attribute") if attribute.get("Name") == "Description"
    )
    return next(filter(None, described), None) or f"layer {layer.get('Id', '')}".strip()


def _add_region(annotations: Annotations, name: str, region: "Element") -> None:
    kind = region.get("Type", _FREEHAND)
    vertices = [(number(vertex, "X"), number(vertex, "Y")) for vertex in region.iter("Vertex")]
    if kind == _FREEHAND or (kind == _RECTANGLE and len(vertices) > 2):
        add_region(annotations, name, vertices)
    elif kind in (_RECTANGLE, _ELLIPSE) and len(vertices) >= 2:
        add_region(annotations, name, _rectangle(vertices) if kind == _RECTANGLE else _ellipse(vertices))
    else:
        annotations.passed_over["line"] += 1  # arrows, rulers


def _bounds(vertices: list[tuple[float, float]]) -> tuple[float, float, float, float]:
    xs, ys = zip(*vertices, strict=True)
    return min(xs), min(ys), max(xs), max(ys)


def _rectangle(vertices: list[tuple[float, float]]) -> list[tuple[float, float]]:
    left, top, right, bottom = _bounds(vertices)
    return [(left, top), (right, top), (right, bottom), (left, bottom)]


def _ellipse(vertices: list[tuple[float, float]]) -> list[tuple[float, float]]:
    """An ellipse is given by its bounding box; 128 vertices enclose 0.04% less than it does."""
    left, top, right, bottom = _bounds(vertices)
    angles = (2 * math.pi * number / _ELLIPSE_VERTICES for number in range(_ELLIPSE_VERTICES))
    return [
        ((left + right + (right - left) * math.cos(angle)) / 2, (top + bottom + (bottom - top) * math.sin(angle)) / 2)
        for angle in angles
    ]
