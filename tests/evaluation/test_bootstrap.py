import numpy as np

from slidemill.evaluation.bootstrap import DRAWS, unit_weights


def test_no_unit_is_ever_lost():
    weights = unit_weights(7, seed=1)
    assert weights.shape == (DRAWS, 7)
    assert weights.min() > 0
    np.testing.assert_allclose(weights.mean(axis=1), 1)
    assert np.ptp(weights, axis=0).min() > 0


def test_the_seed_decides():
    assert (unit_weights(7, seed=1) == unit_weights(7, seed=1)).all()
    assert (unit_weights(7, seed=1) != unit_weights(7, seed=2)).any()


def test_nobody_to_draw():
    assert unit_weights(0, seed=1).shape == (DRAWS, 0)
