import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from slidemill.training.auc import macro_auc


@given(seed=st.integers(0, 1000), tiles=st.integers(10, 60), levels=st.integers(2, 20))
def test_is_the_mean_of_one_against_the_rest_also_with_ties(seed, tiles, levels):
    generator = np.random.default_rng(seed)
    labels = np.concatenate([[0, 1, 2], generator.integers(3, size=tiles)])
    scores = generator.integers(levels, size=(tiles + 3, 3)) / levels
    expected = np.mean([roc_auc_score(labels == number, scores[:, number]) for number in range(3)])
    assert macro_auc(scores, labels) == pytest.approx(expected)


def test_a_class_without_tiles_is_left_out():
    scores = np.array([[0.9, 0.1, 0.0], [0.2, 0.8, 0.0]])
    assert macro_auc(scores, np.array([0, 1])) == 1.0


def test_tiles_of_one_class_have_no_auc():
    assert math.isnan(macro_auc(np.ones((3, 2)), np.zeros(3, int)))
