import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from slidemill.evaluation.bootstrap import patient_weights, percentile_interval, weighted_auc, weighted_mean

PATIENTS = ["b", "a", "b", "c", "d"]


def test_each_draw_takes_as_many_patients_as_there_are():
    weights = patient_weights(PATIENTS, seed=1)
    assert weights.shape == (2000, 5)
    one_slide_a_patient = weights[:, [0, 1, 3, 4]]
    assert (one_slide_a_patient.sum(axis=1) == 4).all()


def test_all_slides_of_a_patient_are_drawn_together():
    weights = patient_weights(PATIENTS, seed=1)
    assert (weights[:, 0] == weights[:, 2]).all()


def test_the_seed_decides():
    assert (patient_weights(PATIENTS, seed=1) == patient_weights(PATIENTS, seed=1)).all()
    assert (patient_weights(PATIENTS, seed=1) != patient_weights(PATIENTS, seed=2)).any()


def test_the_order_of_the_slides_changes_nothing():
    order = [3, 0, 4, 2, 1]
    shuffled = patient_weights([PATIENTS[place] for place in order], seed=1)
    assert (shuffled == patient_weights(PATIENTS, seed=1)[:, order]).all()


def test_weighted_mean_by_hand():
    means = weighted_mean(np.array([1.0, 0.0]), np.array([[3.0, 1.0], [0.0, 2.0], [0.0, 0.0]]))
    assert means[:2].tolist() == [0.75, 0.0]
    assert np.isnan(means[2])


@given(
    slides=st.lists(
        st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 3)), min_size=2, max_size=12
    )
)
def test_weighted_auc_is_that_of_scikit_learn(slides):
    is_positive, scores, weights = (np.array(column) for column in zip(*slides, strict=True))
    area = weighted_auc(is_positive, scores, weights[None].astype(float))[0]
    if weights[is_positive].sum() and weights[~is_positive].sum():
        assert area == pytest.approx(roc_auc_score(is_positive, scores, sample_weight=weights))
    else:
        assert np.isnan(area)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_an_interval_lies_between_the_extremes(statistics):
    interval = percentile_interval(np.array(statistics))
    if interval is None:
        assert np.ptp(statistics) == 0
    else:
        assert min(statistics) <= interval[0] <= interval[1] <= max(statistics)


def test_draws_that_cannot_be_computed_are_left_out():
    assert percentile_interval(np.array([0.0, np.nan, 1.0])) == pytest.approx([0.025, 0.975])
    assert percentile_interval(np.array([np.nan, np.nan])) is None


def test_draws_that_agree_give_no_interval():
    assert percentile_interval(np.ones(2000)) is None
