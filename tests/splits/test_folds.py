import dataclasses
from collections import Counter

import pytest

from slidemill.splits import Fold, SplitDesign, SplitError, split_slides

from .test_sites import CLASSES, cohort_of

COUNT = 5


def splits_of(cohort, group_by):
    return [
        split_slides(cohort, classes=CLASSES, design=SplitDesign(Fold(number, COUNT), group_by), seed=1)
        for number in range(COUNT)
    ]


@pytest.mark.parametrize("group_by", ["patient", "site"])
def test_each_patient_is_tested_once_and_validates_once(group_by):
    cohort = cohort_of([[["LUAD"], ["LUSC", "Normal"], ["Normal"]]] * 10)
    folds = splits_of(cohort, group_by)
    for row in cohort:
        assert Counter(fold[row.slide_id] for fold in folds) == {"train": 3, "validation": 1, "test": 1}
    for name in ("patient_id", "site"):
        groups = {(getattr(row, name), folds[0][row.slide_id]) for row in cohort}
        if name == "patient_id" or group_by == "site":
            assert len(groups) == len({getattr(row, name) for row in cohort})
    assert all(Counter(fold.values())["test"] == len(cohort) / COUNT for fold in folds)


def test_a_patient_whose_split_the_sheet_states_keeps_it_in_every_fold():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 10)
    cohort[0] = dataclasses.replace(cohort[0], split="train")
    assert {fold[cohort[0].slide_id] for fold in splits_of(cohort, "patient")} == {"train"}


def test_test_slides_of_the_sheet_are_refused():
    cohort = cohort_of([[["LUAD"], ["LUSC"], ["Normal"]]] * 10)
    cohort[0] = dataclasses.replace(cohort[0], split="test")
    with pytest.raises(SplitError, match="every fold of a cross-validation would test it"):
        splits_of(cohort, "patient")


@pytest.mark.parametrize(("number", "count"), [(0, 2), (5, 5), (-1, 5)])
def test_folds_that_make_no_sense_are_refused(number, count):
    with pytest.raises(SplitError, match="expected 3 folds or more, counted from 0"):
        Fold(number, count)


def test_a_class_with_too_few_patients_is_refused():
    with pytest.raises(SplitError, match="has no slide of class 'Normal'"):
        splits_of(cohort_of([[["LUAD"], ["LUSC"]]] * 5 + [[["Normal"]]] * 2), "patient")
