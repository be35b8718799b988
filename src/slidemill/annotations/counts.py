"""How many tiles of each class the slides of a cohort have by their annotations: tile_labels.tsv."""

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.annotations.decide import NO_LABEL, AnnotatedTiles
from slidemill.annotations.store import labels_path, read_remarks
from slidemill.atomic import write_text

_ID, _NONE, _REMARKS = "slide_id", "no_label", "remarks"
_BETWEEN = "; "  # remarks
_TILES = "tiles_"  # before the name of a class


@dataclass(frozen=True, slots=True)
class LabelCounts:
    """The used tiles of a slide.

    Attributes:
        slide_id: the slide.
        of_class: number of each class, in order.
        without: number of those that have no class: they are ambiguous, or nothing is known of them.
        remarks: what reading the slide's annotations had to tell.
    """

    slide_id: str
    of_class: dict[str, int]
    without: int
    remarks: tuple[str, ...] = ()


def count_labels(slides: Iterable[tuple[str, int]], annotated: AnnotatedTiles) -> list[LabelCounts]:
    """Count the tiles of each class.

    Args:
        slides: id and number of used tiles of each.
        annotated: the classes of their tiles.
    Raises:
        ZarrZipError: a file is missing or damaged.
        StaleLabelsError: labels are those of other tiles.
    """
    classes = annotated.labels.classes
    counts = []
    for slide_id, tile_count in slides:
        labels = annotated.of_slide(slide_id, tile_count)
        numbers = np.bincount(labels[labels != NO_LABEL], minlength=len(classes)).tolist()
        counts.append(
            LabelCounts(
                slide_id,
                dict(zip(classes, numbers, strict=True)),
                tile_count - sum(numbers),
                read_remarks(labels_path(annotated.labels.folder, slide_id)),
            )
        )
    return counts


def write_counts(path: Path, counts: Iterable[LabelCounts], classes: Iterable[str]) -> None:
    """Write tile_labels.tsv, a row for each slide, atomically."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow([_ID, *(f"{_TILES}{name}" for name in classes), _NONE, _REMARKS])
    writer.writerows([own.slide_id, *own.of_class.values(), own.without, _BETWEEN.join(own.remarks)] for own in counts)
    write_text(path, text.getvalue())


def read_counts(path: Path) -> dict[str, LabelCounts]:
    """Read tile_labels.tsv, by slide_id."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    return {row[_ID]: _counts(row) for row in rows}


def _counts(row: dict[str, str]) -> LabelCounts:
    of_class = {key.removeprefix(_TILES): int(value) for key, value in row.items() if key.startswith(_TILES)}
    return LabelCounts(row[_ID], of_class, int(row[_NONE]), tuple(filter(None, row[_REMARKS].split(_BETWEEN))))
