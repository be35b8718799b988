from collections import defaultdict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.cohort import Slide
from slidemill.splits import SPLITS, SplitDesign, SplitError, SplitFractions, SplitRow, split_slides, write_splits
from slidemill.splits.check import check_splits

CLASSES = ("LUAD", "LUSC", "Normal")
BY_SITE = SplitDesign(SplitFractions(train=0.5, validation=0.2, test=0.3), "site")


def slide(slide_id, patient_id, label, site, split=None):
    nothing = dict.fromkeys(
        ("path", "file_id", "filename", "md5", "size", "mpp", "annotation", "annotated", "synthetic")
    )
    return Slide(slide_id=slide_id, patient_id=patient_id, label=label, site=site, split=split, line=2, **nothing)


def cohort_of(sites):
    """Sites are lists of patients, who are lists of labels."""
    return [
        slide(f"{site}-{patient}-{number}", f"{site}-{patient}", label, f"S{site}")
        for site, patients in enumerate(sites)
        for patient, labels in enumerate(patients)
        for number, label in enumerate(labels)
    ]


patients = st.lists(st.sampled_from(CLASSES), min_size=1, max_size=3)
# At least three sites with every class, so that every split can have every class.
sites = st.lists(st.lists(patients, min_size=1, max_size=4), max_size=15)
cohorts = sites.map(lambda more: cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 3 + more))
seeds = st.integers(0, 2**32)


def split(cohort, seed=1, design=BY_SITE):
    return split_slides(cohort, classes=CLASSES, design=design, seed=seed)


def splits_of_sites(cohort, splits):
    found = defaultdict(set)
    for row in cohort:
        found[row.site].add(splits[row.slide_id])
    return found


@given(cohort=cohorts, seed=seeds)
def test_no_site_is_in_two_splits_and_every_class_is_in_each(cohort, seed):
    splits = split(cohort, seed)
    assert sorted(splits) == sorted(row.slide_id for row in cohort)
    assert all(len(own) == 1 for own in splits_of_sites(cohort, splits).values())
    assert {(splits[row.slide_id], row.label) for row in cohort} == {(s, c) for s in SPLITS for c in CLASSES}


@pytest.mark.slow
@given(cohort=cohorts, seed=seeds, shuffler=st.randoms())
def test_the_order_of_the_sheet_does_not_matter(cohort, seed, shuffler):
    assert split(shuffler.sample(cohort, k=len(cohort)), seed) == split(cohort, seed)


def test_where_whole_sites_allow_it_the_fractions_are_met():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 10)
    found = list(splits_of_sites(cohort, split(cohort)).values())
    assert [found.count({name}) for name in SPLITS] == [5, 2, 3]


def test_the_seed_changes_the_split():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 10)
    assert len({tuple(split(cohort, seed).items()) for seed in range(5)}) > 1


def test_a_split_in_the_sheet_holds_for_the_whole_site():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 10)
    fixed = slide("fixed", "0-0", "LUAD", "S0", "test")
    splits = split([*cohort, fixed])
    assert {splits[row.slide_id] for row in cohort if row.site == "S0"} == {"test"}
    with pytest.raises(SplitError, match="site 'S0' has two splits in the slide sheet"):
        split([*cohort, fixed, slide("other", "0-1", "LUSC", "S0", "train")])


def test_slides_without_a_site_are_refused():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 4)
    with pytest.raises(SplitError, match=r"slide 'x' has no site \(1 patients have none\). Fill in the sheet's 'site'"):
        split([*cohort, slide("x", "X", "LUAD", None)])


def test_too_few_sites_are_refused():
    with pytest.raises(SplitError, match="split has no slide of class"):
        split(cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 2))


def test_a_table_in_which_a_site_leaks_is_noticed_whatever_made_it(tmp_path):
    rows = [SplitRow(name, f"P-{name}", "LUAD", "S", name, 1, "usable", "") for name in ("train", "test")]
    write_splits(tmp_path / "splits.tsv", rows)
    check_splits(tmp_path / "splits.tsv", ["train", "test"], "patient")
    with pytest.raises(SplitError, match="sites in more than one split: S"):
        check_splits(tmp_path / "splits.tsv", ["train", "test"], "site")
    with pytest.raises(SplitError, match="does not hold each slide of the sheet once"):
        check_splits(tmp_path / "splits.tsv", ["train", "test", "gone"], "patient")
