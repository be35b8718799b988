"""How many patients, slides and tiles are where in the cohort, and what is remarkable about which slide."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from slidemill.splits.table import SPLITS, SplitRow
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
    """The usable slides of one class (or of all): in each split, in the order of SPLITS, and at last in total."""

    name: str
    amounts: tuple[Amount, ...]


@dataclass(frozen=True, slots=True)
class Flow:
    """From the slide sheet to the splits."""

    all: Amount
    set_aside: Amount
    usable: Amount
    splits: dict[str, Amount]


def cohort_flow(cohort: Sequence[SplitRow]) -> Flow:
    """Count the slides at each step from the sheet to the splits."""
    usable = usable_slides(cohort)
    return Flow(
        all=Amount.of(cohort),
        set_aside=Amount.of(set_aside_slides(cohort)),
        usable=Amount.of(usable),
        splits={split: Amount.of(row for row in usable if row.split == split) for split in SPLITS},
    )


def class_lines(cohort: Sequence[SplitRow], classes: Sequence[str]) -> list[ClassLine]:
    """A line for each class, in order, and one named "all" for all of them."""
    usable = usable_slides(cohort)
    lines = [_line(name, [row for row in usable if row.label == name]) for name in classes]
    return [*lines, _line("all", usable)]


def site_lines(cohort: Sequence[SplitRow]) -> list[ClassLine]:
    """A line for each site, in alphabetical order; none where the sheet tells no site."""
    usable = usable_slides(cohort)
    sites = sorted({row.site for row in usable})
    if sites in ([], [""]):
        return []
    return [_line(site or "unknown", [row for row in usable if row.site == site]) for site in sites]


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


def _line(name: str, rows: Sequence[SplitRow]) -> ClassLine:
    splits = tuple(Amount.of(row for row in rows if row.split == split) for split in SPLITS)
    return ClassLine(name=name, amounts=(*splits, Amount.of(rows)))
