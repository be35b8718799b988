import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from slidemill.evaluation.bootstrap import patient_draws, percentile_interval

STRATA = ["a", "b", "a", "a", "b", "b", "b"]


def test_each_draw_takes_as_many_patients_of_each_stratum_as_there_are():
    draws = patient_draws(STRATA, seed=1)
    assert draws.shape == (2000, 7)
    assert (draws[:, [0, 2, 3]].sum(axis=1) == 3).all()
    assert (draws[:, [1, 4, 5, 6]].sum(axis=1) == 4).all()
    assert np.ptp(draws, axis=0).min() > 0


def test_a_patient_alone_in_its_stratum_joins_the_largest():
    draws = patient_draws(["a", "b", "b", "b"], seed=1)
    assert set(draws[:, 0]) >= {0, 1, 2}
    assert (draws.sum(axis=1) == 4).all()


def test_the_seed_decides():
    assert (patient_draws(STRATA, seed=1) == patient_draws(STRATA, seed=1)).all()
    assert (patient_draws(STRATA, seed=1) != patient_draws(STRATA, seed=2)).any()


def test_nobody_to_draw():
    assert patient_draws([], seed=1).shape == (2000, 0)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=200))
def test_an_interval_lies_between_the_extremes(statistics):
    interval = percentile_interval(np.array(statistics))
    if interval is None:
        assert np.ptp(statistics) < 1e-12
    else:
        assert min(statistics) <= interval[0] <= interval[1] <= max(statistics)


def test_draws_that_cannot_be_computed_are_left_out():
    assert np.allclose(percentile_interval(np.array([0.0, np.nan, 1.0])), [0.025, 0.975])
    assert percentile_interval(np.array([np.nan, np.nan])) is None


def test_draws_that_agree_give_no_interval():
    assert percentile_interval(np.ones(2000)) is None
