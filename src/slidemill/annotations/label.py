"""Label the tiles of a slide by its annotations."""

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import shapely

from slidemill.annotations.outlines_file import write_outlines
from slidemill.annotations.place import annotated_slide, viewer_origin
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import AnnotationError, Annotations
from slidemill.annotations.shares import class_areas, tile_shares
from slidemill.annotations.store import TileLabels, write_labels
from slidemill.tiling.store import TileStore, read_store

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class AnnotatedClasses:
    """What the annotations of a slide say.

    Attributes:
        areas: of each class, level-0 pixels; none overlaps another.
        remarks: what reading had to tell.
        sha256: of the file; empty where there is none.
    """

    areas: Mapping[str, shapely.Geometry]
    remarks: tuple[str, ...]
    sha256: str


@dataclass(frozen=True, slots=True)
class RegionNames:
    """Which regions are of which class.

    Attributes:
        classes: for each class the names of its regions.
        without: names of regions that are taken out of all others.
        ignore: names of regions that say nothing of the classes.
    """

    classes: Mapping[str, Sequence[str]]
    without: Sequence[str] = ()
    ignore: Sequence[str] = ()

    @property
    def known(self) -> set[str]:
        """All names."""
        return {*(name for names in self.classes.values() for name in names), *self.without, *self.ignore}


def read_classes(store: TileStore, annotation: Path | None, names: RegionNames) -> AnnotatedClasses:
    """Read the annotations of a slide.

    Args:
        store: its tile store.
        annotation: the file; None for a slide in which nothing is annotated.
        names: which regions are of which class.
    Raises:
        AnnotationError: the file cannot be used, or has regions of other names.
    """
    slide = annotated_slide(store)
    found = Annotations()
    if annotation is not None and slide is not None:
        found = read_annotations(annotation, slide)
        _check_names(annotation, found, names.known)
        for remark in found.remarks():
            _log.warning("%s: %s", annotation, remark)
    areas = class_areas(found.regions, names.classes, names.without)
    return AnnotatedClasses(areas, tuple(found.remarks()), _sha256(annotation) if annotation is not None else "")


def label_tiles(
    store: TileStore, annotated: AnnotatedClasses, names: RegionNames, *, exhaustive: bool = True
) -> TileLabels:
    """Measure how much of each tile of a slide every annotated class covers.

    Args:
        store: the slide's tiles.
        annotated: its annotations.
        names: which regions are of which class.
        exhaustive: whether all of each class is annotated.
    """
    extent = int(store.summary.tile_extent) or 1  # a slide that was set aside has no tiles
    return TileLabels(
        slide_id=store.summary.slide_id,
        classes=tuple(names.classes),
        coordinates=store.coordinates,
        coverage=tile_shares(list(annotated.areas.values()), store.coordinates, extent),
        tile_extent=store.summary.tile_extent,
        exhaustive=exhaustive,
        regions={name: list(own) for name, own in names.classes.items()} | {"without": list(names.without)},
        annotation_sha256=annotated.sha256,
        remarks=annotated.remarks,
    )


def label_slide(
    store: Path, annotation: Path | None, names: RegionNames, *, exhaustive: bool, labels: Path, outlines: Path
) -> None:
    """Write the labels of a slide's tiles, and the outlines of its classes.

    Args:
        store: the index of its tiles.
        annotation: its annotations; None for a slide in which nothing is annotated.
        names: which regions are of which class.
        exhaustive: whether all of each class is annotated.
        labels, outlines: files to write.
    Raises:
        AnnotationError: the annotations cannot be used.
        ZarrZipError: the index of the tiles is missing or damaged.
    """
    tiles = read_store(store)
    annotated = read_classes(tiles, annotation, names)
    labelled = label_tiles(tiles, annotated, names, exhaustive=exhaustive)
    write_outlines(outlines, annotated.areas, viewer_origin(tiles.summary.slide))
    write_labels(labels, labelled)
    shares = zip(labelled.classes, labelled.coverage.sum(axis=0).tolist(), strict=True)
    _log.info("%s: %s", labelled.slide_id, ", ".join(f"{share:.1f} tiles of {name}" for name, share in shares))


def _check_names(path: Path, found: Annotations, known: Collection[str]) -> None:
    unknown = [name for name in found.names if name not in known]
    if unknown:
        raise AnnotationError(
            path,
            f"it has regions of {', '.join(map(repr, unknown))}, which the config's 'labels' do not name. Add each to "
            "one of labels.classes, to labels.without or to labels.ignore.",
        )


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
