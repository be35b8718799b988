"""Assign patients to splits, and write the table that all later stages read.

Which patient is in which split follows from the slide sheet, the fractions and the seed alone. A slide that turns out
to be unusable therefore moves no other slide, and the workflow knows before anything runs which slides will be scored.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import cast

import numpy as np

from slidemill.cohort import Slide
from slidemill.errors import SlidemillError
from slidemill.seeds import generator
from slidemill.splits.table import SPLITS, Split, SplitRow, read_splits, write_splits
from slidemill.tiling.store import read_summary, store_paths


class SplitError(SlidemillError):
    """A cohort that cannot be split as asked, or a split that went wrong."""


@dataclass(frozen=True, slots=True)
class SplitFractions:
    """Shares of the patients; they add up to 1."""

    train: float
    validation: float
    test: float

    def __post_init__(self) -> None:
        if abs(sum(self.in_order()) - 1.0) > 1e-6:
            raise SplitError(f"split fractions {self.in_order()} do not add up to 1. Correct them.")

    def in_order(self) -> tuple[float, float, float]:
        """The shares in the order of `SPLITS`."""
        return (self.train, self.validation, self.test)


def split_slides(
    slides: Iterable[Slide], *, classes: Sequence[str], fractions: SplitFractions, seed: int
) -> dict[str, Split]:
    """Split of each slide, all slides of a patient in the same.

    Patients with the same set of labels form a stratum; each stratum is shuffled and dealt in proportion to the
    fractions, and what rounding leaves over is carried on to the next stratum, so that the whole keeps to the
    fractions too. Patients whose split the sheet states keep it.

    Args:
        slides: the cohort, in any order; every slide has a label.
        classes: each of them must come up in each split with a fraction above 0.
        fractions: shares of the patients.
        seed: the config's seed.

    Returns:
        The split of each slide_id.

    Raises:
        SplitError: a split would lack a class.
    """
    slides = sorted(slides, key=lambda slide: slide.slide_id)
    patients = _split_patients(slides, fractions, seed)
    assigned = {slide.slide_id: patients[slide.patient_id] for slide in slides}
    labels = [(assigned[slide.slide_id], slide.label) for slide in slides]
    _refuse_missing_classes(labels, classes, fractions, "Add patients of this class, or change the fractions.")
    return assigned


def assign_splits(
    slides: Sequence[Slide],
    tiles: Path,
    output: Path,
    *,
    classes: Sequence[str],
    fractions: SplitFractions,
    seed: int,
    max_failed_fraction: float,
) -> None:
    """Write splits.tsv: split, label and number of tiles of each slide.

    Args:
        slides: the cohort.
        tiles: folder with a tile store for each slide.
        output: the table to write.
        classes, fractions, seed: as for `split_slides`.
        max_failed_fraction: greatest share of the slides that may have been set aside.

    Raises:
        SplitError: too many slides were set aside, or a split lacks a class without them.
        ZarrZipError: a tile store is damaged.
    """
    splits = split_slides(slides, classes=classes, fractions=fractions, seed=seed)
    rows = [_row(slide, splits[slide.slide_id], tiles) for slide in slides]
    usable = [row for row in rows if row.status == "usable"]
    _refuse_too_many_failures([row for row in rows if row.status != "usable"], len(rows), max_failed_fraction)
    labels = [(row.split, row.label) for row in usable]
    _refuse_missing_classes(
        labels, classes, fractions, "The slides of this class were set aside: mend or replace them."
    )
    write_splits(output, rows)
    check_no_patient_in_two_splits(output)


def check_no_patient_in_two_splits(table: Path) -> None:
    """Read splits.tsv back and check that it leaks nothing, whatever made it.

    Raises:
        SplitError: a patient is in two splits.
    """
    splits_of: dict[str, set[str]] = defaultdict(set)
    for row in read_splits(table):
        splits_of[row.patient_id].add(row.split)
    leaking = sorted(patient for patient, splits in splits_of.items() if len(splits) > 1)
    if leaking:
        raise SplitError(f"{table}: patients in more than one split: {', '.join(leaking)}. Delete the file, run again.")


def _split_patients(slides: Sequence[Slide], fractions: SplitFractions, seed: int) -> dict[str, Split]:
    assigned = {slide.patient_id: cast(Split, slide.split) for slide in slides if slide.split is not None}
    shares = np.array(fractions.in_order())
    wanted = (shares > 0).astype(int)
    carried = np.zeros(len(SPLITS))
    for labels, patients in sorted(_strata(slides, assigned).items()):
        shuffled = generator(seed, "split", *labels).permutation(sorted(patients)).tolist()
        ideal = shares * len(shuffled) + carried
        # A stratum with a patient for each split gives one to each, so that small cohorts keep their classes.
        least = wanted if len(shuffled) >= wanted.sum() else np.zeros_like(wanted)
        counts = _whole_counts(ideal, len(shuffled), least)
        carried = ideal - counts
        assigned |= dict(zip(shuffled, np.repeat(SPLITS, counts).tolist(), strict=True))
    return assigned


def _strata(slides: Iterable[Slide], assigned: Mapping[str, Split]) -> dict[tuple[str, ...], list[str]]:
    labels_of: dict[str, set[str]] = defaultdict(set)
    for slide in slides:
        if slide.patient_id not in assigned:
            labels_of[slide.patient_id].add(str(slide.label))
    strata: dict[tuple[str, ...], list[str]] = defaultdict(list)
    for patient, labels in labels_of.items():
        strata[tuple(sorted(labels))].append(patient)
    return strata


def _whole_counts(ideal: np.ndarray, total: int, least: np.ndarray) -> np.ndarray:
    """Whole numbers which add up to `total`, each near its ideal (largest remainders first) and none below `least`."""
    counts = np.maximum(np.floor(ideal + 1e-9).astype(int), least)
    while counts.sum() > total:
        counts[np.argmin(np.where(counts > least, ideal - counts, np.inf))] -= 1
    while counts.sum() < total:
        counts[np.argmax(ideal - counts)] += 1
    return counts


def _row(slide: Slide, split: Split, tiles: Path) -> SplitRow:
    summary = read_summary(store_paths(tiles, slide.slide_id)[1])
    return SplitRow(
        slide_id=slide.slide_id,
        patient_id=slide.patient_id,
        label=str(slide.label),
        site=slide.site or "",
        split=split,
        tile_count=summary.tile_count,
        status=summary.status,
        reason=summary.reason,
    )


def _refuse_missing_classes(
    labels: Iterable[tuple[str, str | None]], classes: Sequence[str], fractions: SplitFractions, advice: str
) -> None:
    counts = Counter(labels)
    for split, fraction in zip(SPLITS, fractions.in_order(), strict=True):
        for name in classes:
            if fraction > 0 and counts[split, name] == 0:
                raise SplitError(f"the {split} split has no slide of class '{name}'. {advice}")


def _refuse_too_many_failures(failed: Sequence[SplitRow], total: int, max_failed_fraction: float) -> None:
    if len(failed) > max_failed_fraction * total:
        reasons = "\n".join(f"  {row.reason}" for row in failed)
        raise SplitError(
            f"{len(failed)} of {total} slides cannot be used, more than tiling.max_failed_fraction "
            f"({max_failed_fraction:.0%}) allows. Mend or replace them, or raise the limit:\n{reasons}"
        )
