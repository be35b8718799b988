"""Bags: which slides belong together and share a label, known from splits.tsv before any feature is read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.mil.parameters import BagOf
from slidemill.splits.table import SplitRow


class BagError(SlidemillError):
    """Slides that cannot be put into bags."""

    def __init__(self, what: str, reason: str, advice: str) -> None:
        super().__init__(what, reason, advice)
        self.what = what
        self.reason = reason
        self.advice = advice

    def __str__(self) -> str:
        return f"{self.what}: {self.reason}. {self.advice}."


@dataclass(frozen=True, slots=True)
class Bag:
    """The tiles of one slide, or of all slides of one patient.

    Attributes:
        name: id of the slide or of the patient.
        label: class number.
        slides: places of its slides in `Bags.slides`, in order.
        tile_count: of all its slides; at least 1.
    """

    name: str
    label: int
    slides: tuple[int, ...]
    tile_count: int


@dataclass(frozen=True, slots=True)
class Bags:
    """The bags of a split.

    Attributes:
        classes: class names, in order.
        bags: in order of their names.
        slides: rows of splits.tsv of slides with tiles, in order of slide_id.
        set_aside: rows of slides without tiles, which are in no bag.
    """

    classes: tuple[str, ...]
    bags: tuple[Bag, ...]
    slides: tuple[SplitRow, ...]
    set_aside: tuple[SplitRow, ...]

    def __len__(self) -> int:
        return len(self.bags)

    def labels(self) -> np.ndarray:
        """(bags,) int64, class numbers."""
        return np.array([bag.label for bag in self.bags], np.int64)

    def tile_counts(self) -> np.ndarray:
        """(bags,) int64."""
        return np.array([bag.tile_count for bag in self.bags], np.int64)

    def class_counts(self) -> tuple[int, ...]:
        """Number of bags of each class."""
        return tuple(np.bincount(self.labels(), minlength=len(self.classes)).tolist())


def bags_of(rows: Sequence[SplitRow], classes: Sequence[str], *, bag: BagOf) -> Bags:
    """Put the slides of a split into bags.

    Args:
        rows: of splits.tsv, the slides of one split.
        classes: in order.
        bag: "slide", each slide is one; or "patient", all slides of a patient are one.

    Raises:
        BagError: no slide has tiles; a label is none of the classes; or slides of one patient differ in their label,
            and a patient is to be one bag.
    """
    ordered = sorted(rows, key=lambda row: row.slide_id)
    used = tuple(row for row in ordered if row.tile_count)
    if not used:
        raise BagError("splits.tsv", "no slide of this split has tiles", "Give more slides")
    members: dict[str, list[int]] = {}
    for place, row in enumerate(used):
        members.setdefault(row.slide_id if bag == "slide" else row.patient_id, []).append(place)
    bags = tuple(_bag(name, [used[place] for place in places], places, classes) for name, places in members.items())
    return Bags(
        classes=tuple(classes),
        bags=tuple(sorted(bags, key=lambda own: own.name)),
        slides=used,
        set_aside=tuple(row for row in ordered if not row.tile_count),
    )


def _bag(name: str, rows: Sequence[SplitRow], places: Sequence[int], classes: Sequence[str]) -> Bag:
    labels = sorted({row.label for row in rows})
    if len(labels) > 1:
        reason = f"its slides have the labels {', '.join(labels)}, and a bag has one"
        raise BagError(
            f"patient {name}", reason, "Set mil.bag: slide, or give all of them one label in the slide sheet"
        )
    if labels[0] not in classes:
        reason = f"its label {labels[0]!r} is none of the classes {', '.join(classes)}"
        raise BagError(f"slide {rows[0].slide_id}", reason, "Correct the label, or `classes` in the config")
    tiles = sum(row.tile_count for row in rows)
    return Bag(name, list(classes).index(labels[0]), tuple(places), tiles)
