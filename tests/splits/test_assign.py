import random
from collections import Counter, defaultdict
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.cohort import Slide
from slidemill.splits import (
    SPLITS,
    SplitDesign,
    SplitError,
    SplitFractions,
    SplitRow,
    assign_splits,
    read_splits,
    split_slides,
    write_splits,
)
from slidemill.splits.check import check_splits
from slidemill.tiling.store import StoreSummary, TileStore, write_store
from slidemill.units import SlidePixels

CLASSES = ("LUAD", "LUSC", "Normal")
FRACTIONS = SplitFractions(train=0.5, validation=0.2, test=0.3)


def slide(slide_id, patient_id, label, split=None):
    nothing = dict.fromkeys(
        ("site", "path", "file_id", "filename", "md5", "size", "mpp", "annotation", "annotated", "synthetic")
    )
    return Slide(slide_id=slide_id, patient_id=patient_id, label=label, split=split, line=2, **nothing)


def cohort_of(label_sets):
    return [
        slide(f"s{patient}-{number}", f"P{patient}", label)
        for patient, labels in enumerate(label_sets)
        for number, label in enumerate(labels)
    ]


# At least three patients of each class alone, so that every split can have every class.
label_sets = st.lists(st.lists(st.sampled_from(CLASSES), min_size=1, max_size=4), max_size=40)
cohorts = label_sets.map(lambda more: cohort_of([[name] for name in CLASSES for _ in range(3)] + more))
seeds = st.integers(0, 2**32)


def split(cohort, seed=1, fractions=FRACTIONS):
    return split_slides(cohort, classes=CLASSES, design=SplitDesign(fractions), seed=seed)


@given(cohort=cohorts, seed=seeds)
def test_every_slide_is_in_one_split_and_every_patient_too(cohort, seed):
    splits = split(cohort, seed)
    assert sorted(splits) == sorted(slide.slide_id for slide in cohort)
    of_patient = defaultdict(set)
    for row in cohort:
        of_patient[row.patient_id].add(splits[row.slide_id])
    assert all(len(own) == 1 for own in of_patient.values())


@given(cohort=cohorts, seed=seeds)
def test_every_class_is_in_every_split(cohort, seed):
    splits = split(cohort, seed)
    assert {(splits[row.slide_id], row.label) for row in cohort} == {(s, c) for s in SPLITS for c in CLASSES}


@given(cohort=cohorts, seed=seeds, shuffler=st.randoms())
def test_the_order_of_the_sheet_does_not_matter(cohort, seed, shuffler):
    assert split(shuffler.sample(cohort, k=len(cohort)), seed) == split(cohort, seed)


@given(cohort=cohorts, seed=seeds)
def test_a_failing_slide_of_a_patient_with_others_of_its_class_moves_nobody(cohort, seed):
    extra = slide("extra", cohort[0].patient_id, cohort[0].label)
    with_extra = split([*cohort, extra], seed)
    del with_extra["extra"]
    assert with_extra == split(cohort, seed)


@pytest.mark.parametrize("seed", range(5))
def test_fractions_are_kept_in_all_and_in_each_class(seed):
    rng = random.Random(seed)
    cohort = cohort_of([rng.choices(CLASSES, k=rng.randint(1, 2)) for _ in range(400)])
    splits = split(cohort, seed)
    patients = {row.patient_id: splits[row.slide_id] for row in cohort}
    for name, fraction in zip(SPLITS, FRACTIONS.in_order(), strict=True):
        assert abs(Counter(patients.values())[name] - fraction * 400) <= 1
        for label in CLASSES:
            own = {row.patient_id for row in cohort if row.label == label}
            assert sum(patients[p] == name for p in own) / len(own) == pytest.approx(fraction, abs=0.03)


def test_the_seed_changes_the_split():
    cohort = cohort_of([[name] for name in CLASSES for _ in range(20)])
    assert split(cohort, 1) != split(cohort, 2)
    assert split(cohort, 1) == split(cohort, 1)


def test_a_split_in_the_sheet_wins():
    cohort = cohort_of([[name] for name in CLASSES for _ in range(6)])
    fixed = [slide(f"f{i}", f"F{i}", CLASSES[i % 3], split=SPLITS[i % 3]) for i in range(9)]
    splits = split([*cohort, *fixed])
    assert [splits[f"f{i}"] for i in range(9)] == [SPLITS[i % 3] for i in range(9)]


def test_a_class_with_too_few_patients_is_refused():
    with pytest.raises(SplitError, match=r"split has no slide of class 'Normal'. Add patients of this class"):
        split(cohort_of([["LUAD"]] * 5 + [["LUSC"]] * 5 + [["Normal"]] * 2))


def test_fractions_that_do_not_add_up_are_refused():
    with pytest.raises(SplitError, match="do not add up to 1"):
        SplitFractions(train=0.5, validation=0.2, test=0.2)


def store(folder, slide_id, tile_count, reason="", flags=None):
    summary = StoreSummary(
        slide_id=slide_id,
        patient_id="P",
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=(),
        tile_count=tile_count,
        grid_count=9,
        tile_extent=SlidePixels(512),
        parameters={},
        slide=None,
        versions={},
    )
    quality = np.zeros(tile_count, np.uint8) if flags is None else np.array(flags, np.uint8)
    write_store(folder / f"{slide_id}.zarr.zip", TileStore(summary=summary, quality=quality))


def assign(cohort, folder, **changes):
    arguments = {"classes": CLASSES, "design": SplitDesign(FRACTIONS), "exclude": (), "seed": 1} | changes
    arguments = {"max_failed_fraction": 0.2} | arguments
    assign_splits(cohort, folder, folder / "splits.tsv", **arguments)
    return {row.slide_id: row for row in read_splits(folder / "splits.tsv")}


def test_the_table_holds_counts_and_reasons(tmp_path):
    cohort = cohort_of([[name] for name in CLASSES for _ in range(8)])
    for number, row in enumerate(cohort):
        store(tmp_path, row.slide_id, 0 if number == 0 else number, "has no tissue" if number == 0 else "")
    rows = assign(cohort, tmp_path)
    assert {slide_id: row.split for slide_id, row in rows.items()} == split(cohort)
    first = rows[cohort[0].slide_id]
    assert (first.tile_count, first.status, first.reason) == (0, "set_aside", "has no tissue")
    assert [rows[row.slide_id].tile_count for row in cohort] == list(range(24))


def test_tiles_with_a_flag_to_exclude_do_not_count(tmp_path):
    cohort = cohort_of([[name] for name in CLASSES for _ in range(8)])
    for number, row in enumerate(cohort):
        store(tmp_path, row.slide_id, 4, flags=[[0, 1, 2, 3], [2, 3, 2, 3]][number == 0])
    every = assign(cohort, tmp_path)
    assert {row.tile_count for row in every.values()} == {4}
    rows = assign(cohort, tmp_path, exclude=("out_of_focus",))
    assert {row.tile_count for slide_id, row in rows.items() if slide_id != cohort[0].slide_id} == {2}
    first = rows[cohort[0].slide_id]
    assert (first.tile_count, first.status) == (0, "set_aside")
    assert "all 4 with tissue are flagged (out of focus). Shorten quality.exclude" in first.reason


def test_too_many_failures_stop_the_run_and_are_listed(tmp_path):
    cohort = cohort_of([[name] for name in CLASSES for _ in range(4)])
    splits = split(cohort)
    one_of_each_class = {row.label: row.slide_id for row in cohort if splits[row.slide_id] == "train"}.values()
    for row in cohort:
        store(tmp_path, row.slide_id, 5, f"{row.slide_id} is torn" if row.slide_id in one_of_each_class else "")
    with pytest.raises(SplitError) as caught:
        assign(cohort, tmp_path)
    assert str(caught.value).startswith("3 of 12 slides cannot be used, more than tiling.max_failed_fraction (20%)")
    assert all(f"{slide_id} is torn" in str(caught.value) for slide_id in one_of_each_class)
    assert not (tmp_path / "splits.tsv").exists()
    assert len(assign(cohort, tmp_path, max_failed_fraction=0.25)) == 12


@pytest.mark.parametrize("lost", SPLITS)
def test_a_split_that_loses_a_class_to_failures_is_refused_with_the_slides_and_the_ways_out(tmp_path, lost):
    cohort = cohort_of([[name] for name in CLASSES for _ in range(9)])
    splits = split(cohort)
    failed = [row.slide_id for row in cohort if row.label == "LUSC" and splits[row.slide_id] == lost]
    for row in cohort:
        reason = f"{row.slide_id} is torn" if row.slide_id in failed else ""
        store(tmp_path, row.slide_id, 0 if reason else 5, reason)
    with pytest.raises(SplitError) as caught:
        assign(cohort, tmp_path, max_failed_fraction=0.9)
    told = str(caught.value)
    assert told.startswith(f"the {lost} split has no slide of class 'LUSC' left. Mend or replace what was set aside, ")
    assert f"write '{lost}' into the sheet's 'split' column for another patient of class 'LUSC'" in told
    assert all(f"slide '{name}' was set aside: {name} is torn" in told for name in failed)
    assert not (tmp_path / "splits.tsv").exists()
    # The way out works: another patient of the class takes their place.
    donor = next(name for name in ("train", "test") if name != lost)
    moved = next(row.slide_id for row in cohort if row.label == "LUSC" and splits[row.slide_id] == donor)
    pinned = [replace(row, split=lost if row.slide_id == moved else splits[row.slide_id]) for row in cohort]
    assert assign(pinned, tmp_path, max_failed_fraction=0.9)[moved].split == lost


def test_a_table_that_leaks_is_noticed_whatever_made_it(tmp_path):
    rows = [SplitRow(name, "P", "LUAD", "", name, 1, "usable", "") for name in ("train", "test")]
    write_splits(tmp_path / "splits.tsv", rows)
    with pytest.raises(SplitError, match=r"patients in more than one split: P"):
        check_splits(tmp_path / "splits.tsv", ["train", "test"], "patient")
