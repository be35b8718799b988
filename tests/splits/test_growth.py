"""A cohort that grows: who moves."""

import random
from statistics import mean

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.splits import SPLITS, Fold, SplitDesign, SplitFractions, split_slides

from .test_sites import CLASSES, slide

FRACTIONS = SplitFractions(train=0.6, validation=0.2, test=0.2)
BY_PATIENT = SplitDesign(FRACTIONS)
BY_SITE = SplitDesign(FRACTIONS, "site")
LABEL_SETS = (("LUAD",), ("LUSC",), ("Normal",), ("LUAD", "Normal"), ("LUSC", "Normal"))

# Many patients of each class alone, and very few or many others.
cohorts = st.builds(
    lambda counts: cohort_of([own for own, count in zip(LABEL_SETS, counts, strict=True) for _ in range(count)]),
    st.tuples(*[st.integers(20, 60)] * 3, *[st.integers(0, 3) | st.integers(12, 40)] * 2),
)
seeds = st.integers(0, 2**32)
label_sets = st.sampled_from(LABEL_SETS)


def cohort_of(patients):
    return [
        slide(f"{number}-{label}", f"P{number}", label, f"S{number % 30}")
        for number, labels in enumerate(patients)
        for label in labels
    ]


def patients_of(cohort, design, seed):
    """Split of each patient."""
    slides = split_slides(cohort, classes=CLASSES, design=design, seed=seed)
    return {row.patient_id: slides[row.slide_id] for row in cohort}


def moves(before, after):
    return [(before[patient], after[patient]) for patient in before if before[patient] != after[patient]]


@given(cohort=cohorts, seed=seeds, labels=label_sets)
def test_a_patient_more_moves_a_few_patients_and_none_between_train_and_test(cohort, seed, labels):
    more = [slide(f"new-{label}", "new", label, "S1") for label in labels]
    moved = moves(patients_of(cohort, BY_PATIENT, seed), patients_of(cohort + more, BY_PATIENT, seed))
    # At each of the two borders one of the same stratum, and at most three others, whose stratum rounds differently.
    assert len(moved) <= 8
    assert all("validation" in move for move in moved)


@given(cohort=cohorts, seed=seeds, choice=st.randoms())
def test_the_first_slide_of_another_class_moves_a_few_patients(cohort, seed, choice):
    known = choice.choice([row for row in cohort if row.label != "Normal"])
    more = [slide("first-normal", known.patient_id, "Normal", known.site)]
    before, after = patients_of(cohort, BY_PATIENT, seed), patients_of(cohort + more, BY_PATIENT, seed)
    assert len(moves(before, after)) <= 10
    # The patient changes the stratum, and borders of small strata lie at different places.
    del before[known.patient_id]
    assert all("validation" in move for move in moves(before, after))


@pytest.mark.slow
@pytest.mark.parametrize("design", [BY_PATIENT, BY_SITE], ids=["patient", "site"])
@given(cohort=cohorts, seed=seeds, choice=st.randoms())
def test_a_slide_like_those_that_a_patient_has_moves_nobody(design, cohort, seed, choice):
    known = choice.choice(cohort)
    more = [slide("more", known.patient_id, known.label, known.site)]
    assert moves(patients_of(cohort, design, seed), patients_of(cohort + more, design, seed)) == []


@given(cohort=cohorts, seed=seeds, labels=label_sets)
def test_each_fold_keeps_nearly_all_its_patients(cohort, seed, labels):
    more = [slide(f"new-{label}", "new", label, "S1") for label in labels]
    for number in range(5):
        design = SplitDesign(Fold(number, 5))
        tested = [
            {patient for patient, split in patients_of(grown, design, seed).items() if split == "test"}
            for grown in (cohort, cohort + more)
        ]
        assert len(tested[0] - tested[1]) <= 8


def sites_of_many_sizes(choice):
    """Sixty sites, most of them small, and each with classes of its own."""
    cohort = []
    for site in range(60):
        tumour = choice.choice(["LUAD", "LUSC"])
        share = choice.random()
        for patient in range(max(1, int(choice.paretovariate(0.8)) % 60)):
            labels = [tumour, *(["Normal"] if choice.random() < share else [])]
            cohort += [slide(f"{site}-{patient}-{label}", f"{site}-{patient}", label, f"S{site}") for label in labels]
    return cohort


@pytest.mark.slow
def test_by_site_most_patients_stay_where_a_patient_more_comes():
    moved, jumped = [], []
    for seed in range(10):
        choice = random.Random(seed)
        cohort = sites_of_many_sizes(choice)
        like = choice.choice(cohort)
        before = patients_of(cohort, BY_SITE, seed)
        found = moves(before, patients_of([*cohort, slide("new", "new", like.label, like.site)], BY_SITE, seed))
        moved.append(len(found) / len(before))
        jumped.append(sum("validation" not in move for move in found) / len(before))
    # Dealing all sites anew would move half of the patients.
    assert mean(moved) < 0.06
    assert mean(jumped) < 0.02


@pytest.mark.slow
@pytest.mark.parametrize("design", [BY_PATIENT, BY_SITE], ids=["patient", "site"])
@given(cohort=cohorts, seed=seeds, more=st.lists(label_sets, min_size=1, max_size=30))
def test_with_pinned_splits_nobody_moves_whatever_comes(design, cohort, seed, more):
    before = patients_of(cohort, design, seed)
    pinned = [slide(r.slide_id, r.patient_id, r.label, r.site, before[r.patient_id]) for r in cohort]
    grown = pinned + [
        slide(f"new-{number}-{label}", f"N{number}", label, f"T{number % 3}")
        for number, labels in enumerate(more)
        for label in labels
    ]
    after = patients_of(grown, design, seed + 1)
    assert moves(before, after) == []


def test_a_split_without_a_share_gets_nobody():
    cohort = cohort_of([own for own in LABEL_SETS for _ in range(30)])
    for design in (SplitDesign(SplitFractions(0.8, 0.0, 0.2)), SplitDesign(SplitFractions(0.8, 0.0, 0.2), "site")):
        assert set(patients_of(cohort, design, 1).values()) == {"train", "test"}


def test_those_whom_the_sheet_does_not_pin_make_up_for_those_it_pins():
    cohort = [
        slide(f"{label}-{n}", f"{label}-{n}", label, "S", "test" if n < 20 else None)
        for label in CLASSES
        for n in range(50)
    ]
    after = patients_of(cohort, BY_PATIENT, 1)
    counts = [sum(split == name for split in after.values()) for name in SPLITS]
    # 60 of 150 are pinned as test, more than its fifth: the other 90 are dealt three to one.
    assert counts[2] == 60
    assert abs(counts[0] - 67.5) <= 1.5
