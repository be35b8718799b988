"""Annotations of NCRF (Baidu's CAMELYON16 code): JSON with lists of positive and negative polygons, level-0 pixels."""

from collections.abc import Mapping
from typing import Any

from slidemill.annotations.outlines import add_region
from slidemill.annotations.regions import Annotations

NAMES = ("positive", "negative")


def is_ncrf(content: Any) -> bool:
    """Whether a JSON text is of this form."""
    return isinstance(content, Mapping) and all(isinstance(content.get(name), list) for name in NAMES)


def read_ncrf(content: Mapping[str, Any]) -> Annotations:
    """Read the regions, of the classes "positive" and "negative".

    Raises:
        ValueError: with the reason, where a polygon has no vertices or a coordinate is no number.
    """
    annotations = Annotations()
    for name in NAMES:
        for polygon in content[name]:
            if not isinstance(polygon, Mapping) or not isinstance(polygon.get("vertices"), list):
                raise ValueError(f"a polygon under '{name}' has no vertices")
            add_region(annotations, name, polygon["vertices"])
    return annotations
