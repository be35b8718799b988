"""Outlines of a slide's annotations for the page: in level-0 pixels, from the corner of the slide's canvas."""

import json
from collections.abc import Iterator
from pathlib import Path

import shapely

from slidemill.annotations.outlines_file import read_outlines
from slidemill.annotations.place import annotated_slide, viewer_origin
from slidemill.annotations.reading import read_annotations
from slidemill.cohort.sheet import Slide
from slidemill.errors import SlidemillError
from slidemill.locations import is_address
from slidemill.tiling.store import TileStore, read_store
from slidemill.viewing.known_files import signature_of
from slidemill.viewing.places import Places
from slidemill.web.refusals import RefusedError

_FINEST = 0.5  # level-0 pixels by which an outline may be simplified: none is seen


def outlines_as_geojson(slide: Slide, places: Places) -> bytes:
    """The annotated classes as a FeatureCollection; without features where nothing is annotated.

    Taken from what the workflow has made of the annotations, where that is there, else from the annotations.

    Raises:
        RefusedError: they cannot be read.
    """
    try:
        features = [_feature(name, area) for name, area in _areas(slide, places)]
    except SlidemillError as error:
        raise RefusedError(422, str(error)) from None
    return json.dumps({"type": "FeatureCollection", "features": features}, separators=(",", ":")).encode()


def _areas(slide: Slide, places: Places) -> Iterator[tuple[str, shapely.Geometry]]:
    store = _store(slide, places)
    if store is None:
        return
    for path in places.outlines(slide.slide_id):
        if path.exists():
            yield from read_outlines(path, viewer_origin(store.summary.slide)).items()
            return
    seen = annotated_slide(store)
    if slide.annotation is None or is_address(slide.annotation) or seen is None:
        return
    for region in read_annotations(Path(slide.annotation), seen).regions:
        yield region.name, region.area


def _store(slide: Slide, places: Places) -> TileStore | None:
    """Where annotations are read from, its size and its bounds count: what was found when its tiles were cut."""
    path = places.store(slide.slide_id)
    return read_store(path) if signature_of(path) else None


def _feature(name: str, area: shapely.Geometry) -> dict[str, object]:
    simple = shapely.simplify(area, _FINEST)
    return {"type": "Feature", "geometry": json.loads(shapely.to_geojson(simple)), "properties": {"class": name}}
