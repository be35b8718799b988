"""Levels, operating points, subgroups and galleries."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.evaluation.aggregate import score_slide
from slidemill.evaluation.levels import Cohort, ScoredSlide
from slidemill.evaluation.operating_point import youden_threshold
from slidemill.evaluation.subgroups import preparation, scanner
from slidemill.evaluation.top_tiles import PER_GALLERY, PER_SLIDE, candidates, select
from slidemill.tiling.store import SlideFacts

CLASSES = ("LUAD", "LUSC", "Normal")


@pytest.fixture
def cohort(predictions_of):
    def scored(slide_id, patient, label, tiles):
        predictions = predictions_of(tiles, slide_id=slide_id, patient_id=patient)
        return ScoredSlide(score_slide(predictions), label, predictions.scores)

    return Cohort(
        [
            scored("s1", "p2", "LUAD", [[0.75, 0.25, 0], [0.25, 0.75, 0]]),
            scored("s2", "p1", "LUSC", [[0, 1, 0]]),
            scored("s3", "p2", "LUAD", [[1, 0, 0]]),
            scored("s4", "p2", "Normal", [[0, 0.25, 0.75]]),
        ],
        CLASSES,
    )


def test_tiles_have_the_class_and_the_patient_of_their_slide(cohort):
    tiles = cohort.tiles()
    assert tiles.true.tolist() == [0, 0, 1, 0, 2]
    assert tiles.unit.tolist() == [1, 1, 0, 1, 1]
    assert tiles.predicted.tolist() == [0, 1, 1, 0, 2]


def test_a_patient_is_the_mean_of_its_slides_once_for_each_class(cohort):
    patients = cohort.patients_by("mean")
    assert patients.unit.tolist() == [0, 1, 1]
    assert patients.true.tolist() == [1, 0, 2]
    assert patients.scores.tolist() == [[0, 1, 0], [0.75, 0.25, 0], [0, 0.25, 0.75]]


def test_by_site_all_patients_of_a_site_are_one_unit(cohort):
    sites = {"s1": "", "s2": "A", "s3": "A", "s4": ""}  # p1 and p2 are of site A, as one slide of each says
    slides = [replace(slide, site=sites[slide.score.slide_id]) for slide in cohort.slides]
    by_site = Cohort(slides, CLASSES, "site")
    assert (by_site.units, by_site.patients) == (["A"], ["p1", "p2"])
    assert by_site.patients_by("mean").unit.tolist() == [0, 0, 0]
    assert by_site.tiles().unit_name == "site"


def test_a_patient_without_a_site_is_a_unit_of_its_own(cohort):
    slides = [replace(slide, site="A" if slide.score.patient_id == "p1" else "") for slide in cohort.slides]
    assert Cohort(slides, CLASSES, "site").slides_by("mean").unit.tolist() == [1, 0, 1, 1]


def test_a_threshold_by_hand():
    is_positive = np.array([True, True, False, True, False, False])
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.3, 0.1])
    assert youden_threshold(is_positive, scores) == pytest.approx(0.45)
    assert youden_threshold(np.array([True, True]), np.array([0.5, 0.6])) is None


@given(samples=st.lists(st.tuples(st.booleans(), st.integers(0, 8)), min_size=2, max_size=20))
def test_no_threshold_has_a_greater_sum_of_sensitivity_and_specificity(samples):
    is_positive, scores = (np.array(column) for column in zip(*samples, strict=True))
    threshold = youden_threshold(is_positive, scores.astype(float))
    if threshold is None:
        assert len(set(is_positive)) == 1
        return

    def youden(level):
        return (scores >= level)[is_positive].mean() - (scores >= level)[~is_positive].mean()

    assert youden(threshold) == pytest.approx(max(youden(level) for level in range(9)))


@pytest.mark.parametrize(
    ("slide_id", "told"),
    [
        ("TCGA-05-4244-01A-01-BS1.uuid", "frozen"),
        ("TCGA-05-4244-01Z-00-DX1.uuid", "FFPE"),
        ("TCGA-05-4244", "unknown"),
        ("S-1", "unknown"),
    ],
)
def test_preparations(slide_id, told):
    assert preparation(slide_id) == told


def test_scanners():
    assert scanner(SlideFacts("aperio", 1, 1, 0.25, "properties", 40.0)) == "aperio 40x"
    assert scanner(SlideFacts("hamamatsu", 1, 1, 0.25, "properties", None)) == "hamamatsu"
    assert scanner(None) == "unknown"


def test_galleries_take_few_tiles_of_a_slide_and_the_most_extreme_first(predictions_of):
    random = np.random.default_rng(0)
    tiles = []
    for number in range(8):
        scores = random.dirichlet(np.ones(3), 20)
        predictions = predictions_of(scores, slide_id=f"s{number}")
        tiles += candidates(predictions, label="LUAD", predicted="LUSC")
    chosen = select(tiles)
    assert {(tile.gallery, tile.class_name) for tile in chosen} == {
        ("typical", "LUAD"),
        ("untypical", "LUAD"),
        ("mistakes", "LUSC"),
    }
    for gallery, sign in (("typical", -1), ("untypical", 1), ("mistakes", -1)):
        own = [tile for tile in chosen if tile.gallery == gallery]
        assert [tile.rank for tile in own] == list(range(1, PER_GALLERY + 1))
        assert [sign * tile.score for tile in own] == sorted(sign * tile.score for tile in own)
        assert max(sum(t.slide_id == tile.slide_id for t in own) for tile in own) <= PER_SLIDE
