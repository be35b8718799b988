"""Tile scores as GeoJSON that QuPath (0.4 and later) opens: File, Import objects from file.

Source: RFC 7946; the properties as QuPath's QuPathTypeAdapters reads them (objectType, classification, measurements as
an object of names and values). Coordinates are level-0 pixels with y down, as QuPath has them: from the corner of the
slide's bounds.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from slidemill.atomic import write_text
from slidemill.inference.store import Predictions
from slidemill.reporting.palette import class_rgb
from slidemill.slides import Bounds, to_viewer

_DECIMALS = 6


def write_geojson(predictions: Predictions, path: Path, bounds: Bounds | None = None) -> None:
    """Write a FeatureCollection with one square for each tile, empty for a slide that was set aside.

    Each square is a QuPath tile object, classified as the class with the highest score, with the score of every class
    as a measurement.

    Args:
        predictions: of one slide.
        path: file to write, atomically.
        bounds: of the slide, None where all of it was scanned.
    """
    collection = {"type": "FeatureCollection", "features": list(_features(predictions, bounds))}
    write_text(path, json.dumps(collection, separators=(",", ":"), allow_nan=False) + "\n")


def _features(predictions: Predictions, bounds: Bounds | None) -> Iterator[dict[str, Any]]:
    coordinates = to_viewer(predictions.coordinates, bounds)
    tiles = zip(coordinates.tolist(), predictions.scores.tolist(), strict=True)
    for (x, y), scores in tiles:
        yield {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_ring(x, y, int(predictions.tile_extent))]},
            "properties": _properties(predictions.classes, scores),
        }


def _ring(x: int, y: int, extent: int) -> list[list[int]]:
    right, bottom = x + extent, y + extent
    return [[x, y], [right, y], [right, bottom], [x, bottom], [x, y]]


def _properties(classes: tuple[str, ...], scores: list[float]) -> dict[str, Any]:
    best = scores.index(max(scores))
    return {
        "objectType": "tile",
        "classification": {"name": classes[best], "color": list(class_rgb(best))},
        "measurements": {name: round(score, _DECIMALS) for name, score in zip(classes, scores, strict=True)},
    }
