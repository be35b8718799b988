"""Tile scores as GeoJSON that QuPath (0.4 and later) opens: File, Import objects from file.

Source: RFC 7946; the properties as QuPath's QuPathTypeAdapters reads them (objectType, classification, measurements as
an object of names and values). Coordinates are level-0 pixels with y down, as QuPath has them: from the corner of the
slide's bounds.
"""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_text
from slidemill.inference.store import Predictions
from slidemill.reporting.layers import Layer, layers_of
from slidemill.reporting.palette import class_rgb
from slidemill.slides import Bounds, to_viewer

_DECIMALS = 6


def write_geojson(predictions: Predictions, path: Path, bounds: Bounds | None = None) -> None:
    """Write a FeatureCollection with one square for each tile, empty for a slide that was set aside.

    Each square is a QuPath tile object, classified as the class with the highest score, with the score of every class
    as a measurement. Tiles without scores have no class; attention is a measurement of its own (see
    `slidemill.reporting.layers`).

    Args:
        predictions: of one slide.
        path: file to write, atomically.
        bounds: of the slide, None where all of it was scanned.
    """
    collection = {"type": "FeatureCollection", "features": list(_features(predictions, bounds))}
    write_text(path, json.dumps(collection, separators=(",", ":"), allow_nan=False) + "\n")


def _features(predictions: Predictions, bounds: Bounds | None) -> Iterator[dict[str, Any]]:
    coordinates = to_viewer(predictions.coordinates, bounds)
    layers = layers_of(predictions)
    values = np.array([layer.measured for layer in layers]).reshape(len(layers), len(coordinates)).T
    for (x, y), measured in zip(coordinates.tolist(), values.tolist(), strict=True):
        yield {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [_ring(x, y, int(predictions.tile_extent))]},
            "properties": _properties(layers, measured),
        }


def _ring(x: int, y: int, extent: int) -> list[list[int]]:
    right, bottom = x + extent, y + extent
    return [[x, y], [right, y], [right, bottom], [x, bottom], [x, y]]


def _properties(layers: Sequence[Layer], values: Sequence[float]) -> dict[str, Any]:
    named = {layer.name: round(value, _DECIMALS) for layer, value in zip(layers, values, strict=True)}
    scores = [value for layer, value in zip(layers, values, strict=True) if layer.of_class]
    properties: dict[str, Any] = {"objectType": "tile"}
    if scores:
        best = scores.index(max(scores))
        properties["classification"] = {"name": layers[best].name, "color": list(class_rgb(best))}
    return properties | {"measurements": named}
