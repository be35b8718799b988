from slidemill.reporting.cohort_numbers import Amount, class_lines, cohort_flow, set_aside_slides, site_lines
from slidemill.splits.table import SPLITS, SplitRow


def _row(slide_id, patient_id, label, split, tiles, site=""):
    status, reason = ("usable", "") if tiles else ("set_aside", "no tissue")
    return SplitRow(slide_id, patient_id, label, site, split, tiles, status, reason)


def _parts(*rows):
    return {split: [row for row in rows if row.split == split] for split in SPLITS}


COHORT = [
    _row("s1", "p1", "LUAD", "train", 10),
    _row("s2", "p1", "Normal", "train", 5),
    _row("s3", "p2", "LUAD", "test", 0),
    _row("s4", "p3", "LUAD", "test", 7),
]


def test_the_flow_by_hand():
    flow = cohort_flow(_parts(*COHORT))
    assert flow.all == Amount(patients=3, slides=4, tiles=22)
    assert flow.set_aside == Amount(patients=1, slides=1, tiles=0)
    assert flow.usable == Amount(patients=2, slides=3, tiles=22)
    assert flow.parts == {"train": Amount(1, 2, 15), "validation": Amount(0, 0, 0), "test": Amount(1, 1, 7)}
    assert [row.slide_id for row in set_aside_slides(COHORT)] == ["s3"]


def test_a_patient_of_two_classes_counts_in_each_and_once_in_all():
    luad, normal, everything = class_lines(_parts(*COHORT), ["LUAD", "Normal"])
    assert luad.amounts == (Amount(1, 1, 10), Amount(0, 0, 0), Amount(1, 1, 7), Amount(2, 2, 17))
    assert normal.amounts == (Amount(1, 1, 5), Amount(0, 0, 0), Amount(0, 0, 0), Amount(1, 1, 5))
    assert everything.amounts[0] == Amount(patients=1, slides=2, tiles=15)


def test_sites_with_those_that_are_unknown():
    assert site_lines(_parts(*COHORT)) == []
    unknown, site = site_lines(_parts(*COHORT, _row("s5", "p4", "LUAD", "validation", 3, site="05")))
    assert (unknown.name, site.name) == ("unknown", "05")
    assert unknown.amounts[3] == Amount(patients=2, slides=3, tiles=22)
    assert site.amounts == (Amount(0, 0, 0), Amount(1, 1, 3), Amount(0, 0, 0), Amount(1, 1, 3))
