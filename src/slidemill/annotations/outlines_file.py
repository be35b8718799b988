"""The annotated classes of a slide as GeoJSON that QuPath opens: what all later steps draw, and compare scores with."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path

import shapely

from slidemill.annotations.qupath import read_qupath
from slidemill.annotations.regions import AnnotationError, areas_by_name
from slidemill.atomic import write_text

_DECIMALS = 3  # of a level-0 pixel


def write_outlines(path: Path, areas: Mapping[str, shapely.Geometry], origin: tuple[float, float]) -> None:
    """Write the area of each class as one annotation of QuPath, atomically; a class without an area is left out.

    Args:
        path: the file.
        areas: level-0 pixels of OpenSlide.
        origin: x and y of QuPath's origin, level-0 pixels of OpenSlide.
    """
    write_regions(path, ((name, area) for name, area in areas.items() if not area.is_empty), origin)


def write_regions(path: Path, regions: Iterable[tuple[str, shapely.Geometry]], origin: tuple[float, float]) -> None:
    """Write areas, each with the name of its class, as annotations of QuPath (0.4 and later), atomically.

    Args:
        path: the file.
        regions: name and area, level-0 pixels of OpenSlide; an empty name is no class.
        origin: x and y of QuPath's origin, level-0 pixels of OpenSlide.
    """
    features = [
        {
            "type": "Feature",
            "geometry": json.loads(shapely.to_geojson(_moved(area, origin))),
            "properties": {"objectType": "annotation"} | ({"classification": {"name": name}} if name else {}),
        }
        for name, area in regions
    ]
    collection = {"type": "FeatureCollection", "features": features}
    write_text(path, json.dumps(collection, separators=(",", ":"), allow_nan=False) + "\n")


def read_outlines(path: Path, origin: tuple[float, float]) -> dict[str, shapely.Geometry]:
    """Read the area of each class back, in level-0 pixels of OpenSlide.

    Raises:
        AnnotationError: the file is damaged.
    """
    try:
        return areas_by_name(read_qupath(json.loads(path.read_text(encoding="utf-8")), origin).regions)
    except ValueError as error:
        raise AnnotationError(path, f"{error}. Delete it and run again.") from error


def _moved(area: shapely.Geometry, origin: tuple[float, float]) -> shapely.Geometry:
    return shapely.transform(area, lambda points: (points - origin).round(_DECIMALS))
