"""The annotations of a slide, whichever program wrote them, as GeoJSON that QuPath opens."""

import logging
from pathlib import Path

from slidemill.annotations.outlines_file import write_regions
from slidemill.annotations.place import annotated_slide, viewer_origin
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import Annotations
from slidemill.tiling.store import read_store

_log = logging.getLogger(__name__)


def export_annotations(store: Path, annotation: Path, output: Path) -> None:
    """Write each region of a slide as an annotation of QuPath, with its name as the class, in QuPath's coordinates.

    Args:
        store: the index of the slide's tiles, which knows its size and the part that was scanned.
        annotation: the file.
        output: GeoJSON to write, atomically; without regions where the slide could not be read.
    Raises:
        AnnotationError: the file cannot be used, or does not fit the slide.
        ZarrZipError: the index of the tiles is missing or damaged.
    """
    tiles = read_store(store)
    slide = annotated_slide(tiles)
    found = read_annotations(annotation, slide) if slide else Annotations()
    for remark in found.remarks():
        _log.warning("%s: %s", annotation, remark)
    write_regions(output, ((region.name, region.area) for region in found.regions), viewer_origin(tiles.summary.slide))
    _log.info("%s: %d regions", output, len(found.regions))
