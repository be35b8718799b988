"""How many patients, slides and tiles are where in the cohort, and what is remarkable about which slide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from slidemill.annotations.counts import LabelCounts
from slidemill.splits.table import SplitRow
from slidemill.tiling.store import StoreSummary


@dataclass(frozen=True, slots=True)
class Amount:
    """Size of a part of the cohort."""

    patients: int
    slides: int
    tiles: int

    @classmethod
    def of(cls, rows: Iterable[SplitRow]) -> "Amount":
        """Count the rows; a patient with several slides counts once."""
        counted = list(rows)
        return cls(
            patients=len({row.patient_id for row in counted}),
            slides=len(counted),
            tiles=sum(row.tile_count for row in counted),
        )


@dataclass(frozen=True, slots=True)
class ClassLine:
    """The usable slides of one class or site, or of all: in each part of the cohort, in order, and in total."""

    name: str
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class LabelLine:
    """Tiles of one class by annotations, or without one: in each part of the cohort, in order, and in total."""

    name: str | None
    tiles: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """From the slide sheet to the parts of the cohort."""

    all: Amount
    set_aside: Amount
    usable: Amount
    parts: dict[str, Amount]


Parts = Mapping[str, Sequence[SplitRow]]
"""Every slide of the cohort once, by the name of its part: its split, or the fold that tests it."""


def cohort_flow(parts: Parts) -> Flow:
    """Count the slides at each step from the sheet to the parts."""
    cohort = all_slides(parts)
    return Flow(
        all=Amount.of(cohort),
        set_aside=Amount.of(set_aside_slides(cohort)),
        usable=Amount.of(usable_slides(cohort)),
        parts={name: Amount.of(usable_slides(rows)) for name, rows in parts.items()},
    )


def class_lines(parts: Parts, classes: Sequence[str]) -> list[ClassLine]:
    """A line for each class, in order, and one named "all" for all of them."""
    usable = {name: usable_slides(rows) for name, rows in parts.items()}
    lines = [_line(name, _only(usable, "label", name)) for name in classes]
    return [*lines, _line("all", usable)]


def site_lines(parts: Parts) -> list[ClassLine]:
    """A line for each tissue source site, in alphabetical order; none where no slide has one."""
    usable = {name: usable_slides(rows) for name, rows in parts.items()}
    names = sorted({row.site for row in all_slides(usable)})
    if names in ([], [""]):
        return []
    return [_line(name or "unknown", _only(usable, "site", name)) for name in names]


def label_lines(parts: Parts, counts: Mapping[str, LabelCounts], classes: Sequence[str]) -> list[LabelLine]:
    """A line for each class, in order, and one for tiles without a class."""
    groups = [[counts[row.slide_id] for row in rows] for rows in [*parts.values(), all_slides(parts)]]
    lines = [LabelLine(name, tuple(sum(own.of_class[name] for own in group) for group in groups)) for name in classes]
    return [*lines, LabelLine(None, tuple(sum(own.without for own in group) for group in groups))]


def all_slides(parts: Parts) -> list[SplitRow]:
    """The slides of all parts, in order of their ids."""
    return sorted((row for rows in parts.values() for row in rows), key=lambda row: row.slide_id)


def usable_slides(cohort: Iterable[SplitRow]) -> list[SplitRow]:
    """The slides that gave tiles."""
    return [row for row in cohort if row.status == "usable"]


def set_aside_slides(cohort: Iterable[SplitRow]) -> list[SplitRow]:
    """The slides that cannot be used, each with its reason."""
    return [row for row in cohort if row.status != "usable"]


def flagged_slides(summaries: Mapping[str, StoreSummary]) -> dict[str, list[str]]:
    """The ids of the slides with each quality flag, flags and slides in alphabetical order."""
    flags = sorted({flag for summary in summaries.values() for flag in summary.flags})
    return {flag: sorted(name for name, summary in summaries.items() if flag in summary.flags) for flag in flags}


def _only(parts: Parts, column: Literal["label", "site"], value: str) -> Parts:
    return {name: [row for row in rows if getattr(row, column) == value] for name, rows in parts.items()}


def _line(name: str, parts: Parts) -> ClassLine:
    return ClassLine(name=name, amounts=tuple(map(Amount.of, [*parts.values(), all_slides(parts)])))
