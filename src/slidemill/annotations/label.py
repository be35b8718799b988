"""Label the tiles of a slide by its annotations."""

import hashlib
import logging
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import AnnotationError, Annotations
from slidemill.annotations.shares import class_areas, tile_shares
from slidemill.annotations.store import TileLabels, write_labels
from slidemill.tiling.store import TileStore, read_store

_log = logging.getLogger(__name__)


def label_tiles(
    store: TileStore,
    annotation: Path | None,
    *,
    classes: Mapping[str, Sequence[str]],
    without: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exhaustive: bool = True,
) -> TileLabels:
    """Measure how much of each tile of a slide every annotated class covers.

    Args:
        store: the slide's tiles.
        annotation: its file of annotations; None for a slide in which nothing is annotated.
        classes: for each class the names of its regions in the file.
        without: names of regions that are taken out of all others.
        ignore: names of regions that say nothing of the classes.
        exhaustive: whether all of each class is annotated.
    Raises:
        AnnotationError: the file cannot be used, or has regions of names that are in none of the three.
    """
    facts = store.summary.slide
    found = Annotations()
    if annotation is not None and facts is not None:
        origin = (facts.bounds.x, facts.bounds.y) if facts.bounds else (0, 0)
        slide = AnnotatedSlide(facts.width, facts.height, facts.mpp, origin, store.tissue_mask)
        found = read_annotations(annotation, slide)
        _check_names(annotation, found, {*(name for names in classes.values() for name in names), *without, *ignore})
        for remark in found.remarks():
            _log.warning("%s: %s", annotation, remark)
    areas = class_areas(found.regions, classes, without)
    return TileLabels(
        slide_id=store.summary.slide_id,
        classes=tuple(classes),
        coordinates=store.coordinates,
        coverage=tile_shares(list(areas.values()), store.coordinates, int(store.summary.tile_extent) or 1),
        tile_extent=store.summary.tile_extent,
        exhaustive=exhaustive,
        regions={name: list(names) for name, names in classes.items()} | {"without": list(without)},
        annotation_sha256=_sha256(annotation) if annotation is not None else "",
        remarks=tuple(found.remarks()),
    )


def label_slide(
    store: Path,
    annotation: Path | None,
    output: Path,
    *,
    classes: Mapping[str, Sequence[str]],
    without: Sequence[str] = (),
    ignore: Sequence[str] = (),
    exhaustive: bool = True,
) -> None:
    """Write the labels of a slide's tiles; arguments as for `label_tiles`, with files in the place of their content.

    Raises:
        AnnotationError: the annotations cannot be used.
        ZarrZipError: the index of the tiles is missing or damaged.
    """
    labels = label_tiles(
        read_store(store), annotation, classes=classes, without=without, ignore=ignore, exhaustive=exhaustive
    )
    write_labels(output, labels)
    shares = zip(labels.classes, labels.coverage.sum(axis=0).tolist(), strict=True)
    _log.info("%s: %s", labels.slide_id, ", ".join(f"{share:.1f} tiles of {name}" for name, share in shares))


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
