"""The published lists of TCGA lung slides: 1,009 patients, 416 of them with slides of more than one class."""

import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from slidemill.splits import SPLITS, SplitDesign, SplitFractions, split_slides

from .test_sites import slide

LISTS = Path(__file__).parents[3] / "shared" / "gdc"
CLASSES = ("LUAD", "LUSC", "Normal")
FRACTIONS = SplitFractions(train=0.7, validation=0.15, test=0.15)

pytestmark = pytest.mark.skipif(
    not LISTS.exists(), reason="the published label lists are not beside the checkout, in shared/gdc"
)


@pytest.fixture(scope="module")
def cohort():
    return [
        slide(name.removesuffix(".svs"), name[:12], label, name[5:7])
        for label in CLASSES
        for name in (LISTS / f"tcga-lung-{label.lower()}.txt").read_text().split()
    ]


def test_what_the_lists_hold(cohort):
    labels = defaultdict(set)
    for row in cohort:
        labels[row.patient_id].add(row.label)
    assert len(labels) == 1009
    assert sum(len(own) > 1 for own in labels.values()) == 416


def split(cohort, seed, group_by):
    shuffled = random.Random(seed).sample(cohort, k=len(cohort))
    return split_slides(shuffled, classes=CLASSES, design=SplitDesign(FRACTIONS, group_by), seed=seed)


def leaks(cohort, splits, column):
    """Patients or sites in two splits, counted without the code that splits."""
    pairs = {(getattr(row, column), splits[row.slide_id]) for row in cohort}
    return len(pairs) - len({name for name, _ in pairs})


def imbalance(cohort, splits):
    """The greatest difference between the share of a class in a split and in the cohort, by patients, in points."""
    patients = {(row.patient_id, row.label): splits[row.slide_id] for row in cohort}
    of_class = Counter(label for _, label in patients)
    of_split = Counter(patients.values())
    cells = Counter((split, label) for (_, label), split in patients.items())
    return max(
        100 * abs(cells[name, label] / of_split[name] - of_class[label] / len(patients))
        for name in SPLITS
        for label in CLASSES
    )


@pytest.mark.parametrize("seed", range(20))
def test_by_patient(cohort, seed):
    splits = split(cohort, seed, "patient")
    assert leaks(cohort, splits, "patient_id") == 0
    assert imbalance(cohort, splits) < 2
    assert splits == split(cohort[::-1], seed, "patient")


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_by_site(cohort, seed):
    splits = split(cohort, seed, "site")
    assert leaks(cohort, splits, "site") == leaks(cohort, splits, "patient_id") == 0
    assert imbalance(cohort, splits) < 2


def one_patient(cohort, choice):
    like = choice.choice(cohort)
    return [slide("NEW", f"TCGA-{like.site}-NEW", like.label, like.site)]


def first_normal(cohort, choice):
    """Of a patient who is known by a tumour."""
    with_normal = {row.patient_id for row in cohort if row.label == "Normal"}
    patient = choice.choice(sorted({row.patient_id for row in cohort} - with_normal))
    return [slide("NEW", patient, "Normal", patient[5:7])]


def one_site(cohort, choice):
    """Of one to twenty patients."""
    label = choice.choice(CLASSES[:2])
    return [slide(f"NEW-{i}", f"TCGA-ZZ-{i}", label, "ZZ") for i in range(choice.randint(1, 20))]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("group_by", "grow", "most", "on_average"),
    [
        ("patient", one_patient, 0.01, 0.003),
        ("patient", first_normal, 0.01, 0.004),
        ("patient", one_site, 0.01, 0.004),
        # Whole sites move here, of up to 87 patients; dealing them anew moves a fourth of the patients on average.
        ("site", one_patient, 0.4, 0.06),
        ("site", first_normal, 0.4, 0.08),
        ("site", one_site, 0.4, 0.08),
    ],
)
def test_growth_moves_few(cohort, group_by, grow, most, on_average):
    patients = len({row.patient_id for row in cohort})
    moved, jumped = [], []
    for seed in range(20 if group_by == "patient" else 8):
        before = split(cohort, seed, group_by)
        after = split(cohort + grow(cohort, random.Random(seed)), seed, group_by)
        found = [row for row in cohort if before[row.slide_id] != after[row.slide_id]]
        moved.append(len({row.patient_id for row in found}) / patients)
        jumped.append(sum("validation" not in (before[row.slide_id], after[row.slide_id]) for row in found))
    assert max(moved) <= most
    assert sum(moved) / len(moved) <= on_average
    assert group_by == "site" or max(jumped) == 0
