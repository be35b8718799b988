"""Annotations of ASAP, as CAMELYON16 and 17 publish theirs.

Source: the XML that ASAP 2 writes: `Annotation` (Name, Type, PartOfGroup) with `Coordinate` (Order, X, Y), in level-0
pixels.
"""

from typing import TYPE_CHECKING

from slidemill.annotations.outlines import add_region
from slidemill.annotations.regions import Annotations
from slidemill.annotations.xml_values import number

if TYPE_CHECKING:
    from xml.etree.ElementTree import Element

ROOT = "ASAP_Annotations"
_WITHOUT_AREA = {"Dot": "point", "PointSet": "point", "Measurement": "line"}


def read_asap(root: "Element") -> Annotations:
    """Read the regions below the root of an ASAP file. The class of a region is its group, else its own name.

    Raises:
        ValueError: with the reason, where a coordinate is no number.
    """
    annotations = Annotations()
    for element in root.iter("Annotation"):
        kind = element.get("Type", "")
        vertices = _vertices(element)
        if kind in _WITHOUT_AREA:
            annotations.passed_over[_WITHOUT_AREA[kind]] += max(1, len(vertices)) if kind == "PointSet" else 1
        else:
            add_region(annotations, _name(element), vertices)
    return annotations


def _name(element: "Element") -> str:
    group = element.get("PartOfGroup", "None")
    return group if group not in ("", "None") else element.get("Name", "")


def _vertices(element: "Element") -> list[tuple[float, float]]:
    """In their order, which need not be that of the file."""
    ordered = sorted(
        (number(point, "Order"), place, number(point, "X"), number(point, "Y"))
        for place, point in enumerate(element.iter("Coordinate"))
    )
    return [(x, y) for _, _, x, y in ordered]
