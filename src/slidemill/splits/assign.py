"""Assign patients to splits, and write the table that all later stages read.

Which patient is in which split follows from the slide sheet, the config's `split` and the seed alone. A slide that
turns out to be unusable therefore moves no other slide, and the workflow knows before anything runs which slides will
be scored.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from slidemill.cohort import Slide
from slidemill.splits.check import check_splits
from slidemill.splits.design import Fold, SplitDesign, SplitError
from slidemill.splits.patients import deal_patients
from slidemill.splits.sites import deal_sites
from slidemill.splits.table import SPLITS, Split, SplitRow, write_splits
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_summary, store_paths


def split_slides(
    slides: Iterable[Slide], *, classes: Sequence[str], design: SplitDesign, seed: int
) -> dict[str, Split]:
    """Split of each slide, all slides of a patient in the same; by design also all those of a site.

    Patients are dealt by `slidemill.splits.patients`, sites by `slidemill.splits.sites`. Patients whose split the sheet
    states keep it and are not dealt; under `site` the same holds for all of their site.

    Args:
        slides: the cohort, in any order; every slide has a label.
        classes: each of them must come up in each split that gets slides.
        design: how to split.
        seed: the config's seed.

    Returns:
        The split of each slide_id.

    Raises:
        SplitError: a split would lack a class; or, by site, a slide has no site, or a site has two splits in the sheet;
            or the sheet states test slides, and each fold of a cross-validation has its own.
    """
    slides = sorted(slides, key=lambda slide: slide.slide_id)
    _refuse_test_slides_of_the_sheet(slides, design)
    patients = _splits_by_site(slides, design, seed) if design.group_by == "site" else _splits(slides, design, seed)
    assigned = {slide.slide_id: patients[slide.patient_id] for slide in slides}
    labels = [(assigned[slide.slide_id], slide.label) for slide in slides]
    _refuse_missing_classes(labels, classes, design, "Add patients of this class, or change the fractions.")
    return assigned


def assign_splits(
    slides: Sequence[Slide],
    tiles: Path,
    output: Path,
    *,
    classes: Sequence[str],
    design: SplitDesign,
    exclude: Collection[QualityFlag],
    seed: int,
    max_failed_fraction: float,
) -> None:
    """Write splits.tsv: split, label and number of tiles of each slide.

    Args:
        slides: the cohort.
        tiles: folder with a tile store for each slide.
        output: the table to write.
        classes, design, seed: as for `split_slides`.
        exclude: tiles with one of these flags are not used and not counted.
        max_failed_fraction: greatest share of the slides that may have been set aside.

    Raises:
        SplitError: too many slides were set aside, or a split lacks a class without them.
        ZarrZipError: a tile store is damaged.
    """
    splits = split_slides(slides, classes=classes, design=design, seed=seed)
    rows = [_row(slide, splits[slide.slide_id], tiles, exclude) for slide in slides]
    _refuse_too_many_failures([row for row in rows if row.status != "usable"], len(rows), max_failed_fraction)
    _refuse_emptied_classes(rows, classes, design)
    write_splits(output, rows)
    check_splits(output, [slide.slide_id for slide in slides], design.group_by)


def _splits(slides: Sequence[Slide], design: SplitDesign, seed: int) -> dict[str, Split]:
    """Split of each patient."""
    stated = {slide.patient_id: cast(Split, slide.split) for slide in slides if slide.split is not None}
    return _deal(deal_patients, _labels(slides), stated, design, seed)


def _splits_by_site(slides: Sequence[Slide], design: SplitDesign, seed: int) -> dict[str, Split]:
    """Split of each patient, the same for all patients of a site."""
    sites = _sites(slides)
    assigned: dict[str, Split] = {}
    for slide in slides:
        if slide.split is None:
            continue
        site = sites[slide.patient_id]
        if assigned.setdefault(site, cast(Split, slide.split)) != slide.split:
            raise SplitError(
                f"site '{site}' has two splits in the slide sheet. Give its slides one 'split', or "
                "set split.group_by to patient."
            )
    counts = _patients_by_site(_labels(slides), sites)
    dealt = _deal(deal_sites, counts, assigned, design, seed)
    return {patient: dealt[site] for patient, site in sites.items()}


def _deal(
    deal: Callable[[Mapping[str, Any], Sequence[float], int, Mapping[str, int]], dict[str, int]],
    groups: Mapping[str, Any],
    stated: Mapping[str, Split],
    design: SplitDesign,
    seed: int,
) -> dict[str, Split]:
    """Split of each patient or site; those that the sheet states count for the shares."""
    if isinstance(design.sizes, Fold):
        # What is in train in every fold is in none of the parts.
        groups = {name: own for name, own in groups.items() if name not in stated}
    pinned = {name: SPLITS.index(split) for name, split in stated.items() if name in groups}
    dealt = deal(groups, design.shares(), seed, pinned)
    return {name: design.split_of(part) for name, part in dealt.items()} | dict(stated)


def _labels(slides: Iterable[Slide]) -> dict[str, frozenset[str]]:
    labels: dict[str, set[str]] = defaultdict(set)
    for slide in slides:
        labels[slide.patient_id].add(str(slide.label))
    return {patient: frozenset(own) for patient, own in labels.items()}


def _sites(slides: Iterable[Slide]) -> dict[str, str]:
    """Site of each patient."""
    sites: dict[str, str] = {}
    nowhere: dict[str, str] = {}
    for slide in slides:
        if slide.site is None:
            nowhere[slide.patient_id] = slide.slide_id
        else:
            sites[slide.patient_id] = slide.site
    lacking = sorted(slide_id for patient, slide_id in nowhere.items() if patient not in sites)
    if lacking:
        raise SplitError(
            f"slide '{lacking[0]}' has no site ({len(lacking)} patients have none). Fill in the sheet's 'site', or "
            "set split.group_by to patient."
        )
    return sites


def _patients_by_site(labels: Mapping[str, frozenset[str]], sites: Mapping[str, str]) -> dict[str, list[int]]:
    """How many patients each site has, of each class and, at last, in all."""
    names = sorted(set().union(*labels.values()))
    counts: dict[str, list[int]] = {site: [0] * (len(names) + 1) for site in sites.values()}
    for patient, site in sites.items():
        for place, name in enumerate(names):
            counts[site][place] += name in labels[patient]
        counts[site][-1] += 1
    return counts


def _row(slide: Slide, split: Split, tiles: Path, exclude: Collection[QualityFlag]) -> SplitRow:
    summary = read_summary(store_paths(tiles, slide.slide_id)[1], exclude)
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


def _refuse_test_slides_of_the_sheet(slides: Iterable[Slide], design: SplitDesign) -> None:
    stated = [slide.slide_id for slide in slides if slide.split == "test"]
    if stated and isinstance(design.sizes, Fold):
        raise SplitError(
            f"slide '{stated[0]}' has the split test in the slide sheet ({len(stated)} slides have), and every fold of "
            "a cross-validation would test it. Clear their 'split', or set split.folds to null."
        )


def _refuse_missing_classes(
    labels: Iterable[tuple[str, str | None]], classes: Sequence[str], design: SplitDesign, advice: str
) -> None:
    counts = Counter(labels)
    for split in design.splits():
        for name in classes:
            if counts[split, name] == 0:
                raise SplitError(f"the {split} split has no slide of class '{name}'. {advice}")


def _refuse_emptied_classes(rows: Sequence[SplitRow], classes: Sequence[str], design: SplitDesign) -> None:
    """Refuse splits of which a class has lost its last slide: nothing could be learned or said of it there."""
    for split in design.splits():
        for name in classes:
            own = [row for row in rows if (row.split, row.label) == (split, name)]
            if not any(row.status == "usable" for row in own):
                reasons = "\n".join(f"  slide '{row.slide_id}' was set aside: {row.reason}" for row in own)
                raise SplitError(
                    f"the {split} split has no slide of class '{name}' left. {_way_out(split, name, design)}\n{reasons}"
                )


def _way_out(split: Split, name: str, design: SplitDesign) -> str:
    anew = f"or take these rows out of the slide sheet and add others of class '{name}', which deals the splits anew"
    if isinstance(design.sizes, Fold):
        return f"Mend or replace what was set aside, set split.folds to a smaller number, {anew}:"
    return (
        f"Mend or replace what was set aside, write '{split}' into the sheet's 'split' column for another patient of "
        f"class '{name}', {anew}:"
    )


def _refuse_too_many_failures(failed: Sequence[SplitRow], total: int, max_failed_fraction: float) -> None:
    if len(failed) > max_failed_fraction * total:
        reasons = "\n".join(f"  {row.reason}" for row in failed)
        raise SplitError(
            f"{len(failed)} of {total} slides cannot be used, more than tiling.max_failed_fraction "
            f"({max_failed_fraction:.0%}) allows. Mend or replace them, or raise the limit:\n{reasons}"
        )
