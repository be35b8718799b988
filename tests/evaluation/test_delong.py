import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from slidemill.evaluation.delong import delong_interval, delong_variance, midranks
from slidemill.evaluation.ranking import Ranking

# Hanley and McNeil 1982, Radiology 143:29, table I: ratings 1 to 5 of 58 normal and 51 abnormal CT images.
NORMAL = np.repeat(np.arange(1.0, 6), [33, 6, 6, 11, 2])
ABNORMAL = np.repeat(np.arange(1.0, 6), [3, 2, 2, 11, 33])


def test_published_ratings():
    """The area is the published one. The variance is, by another way, that of leaving out each image in turn.

    The delete-one jackknife of a two-sample U-statistic has exactly DeLong's variance: Arvesen 1969, Ann Math Stat
    40:2076; here with the areas of scikit-learn.
    """
    is_positive = np.repeat([False, True], [len(NORMAL), len(ABNORMAL)])
    scores = np.concatenate([NORMAL, ABNORMAL])
    area = Ranking.of(is_positive, scores).auc()[0]
    assert area == pytest.approx(2642 / (58 * 51))  # 0.893: Wilcoxon's statistic, over the number of pairs
    without = np.array([roc_auc_score(np.delete(is_positive, n), np.delete(scores, n)) for n in range(len(scores))])
    jackknife = sum(
        (len(left_out) - 1) / len(left_out) * ((left_out - left_out.mean()) ** 2).sum()
        for left_out in (without[is_positive], without[~is_positive])
    )
    assert delong_variance(is_positive, scores) == pytest.approx(jackknife, rel=1e-9)
    reach = 1.959964 * jackknife**0.5
    assert delong_interval(area, is_positive, scores) == pytest.approx([area - reach, area + reach], abs=1e-7)


@given(
    positives=st.lists(st.integers(0, 5), min_size=2, max_size=12),
    negatives=st.lists(st.integers(0, 5), min_size=2, max_size=12),
)
def test_the_variance_is_that_of_the_definition(positives, negatives):
    """DeLong et al. 1988, equations 4 to 6: means of pair kernels over each sample."""
    x, y = np.array(positives, float), np.array(negatives, float)
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    expected = kernel.mean(axis=1).var(ddof=1) / len(x) + kernel.mean(axis=0).var(ddof=1) / len(y)
    is_positive = np.repeat([True, False], [len(x), len(y)])
    assert delong_variance(is_positive, np.concatenate([x, y])) == pytest.approx(expected)


def test_equal_values_share_the_mean_of_their_ranks():
    assert midranks(np.array([3.0, 1, 3, 2])).tolist() == [3.5, 1, 3.5, 2]


def test_no_interval_where_nothing_is_wrong_or_a_class_has_one_sample():
    assert delong_interval(1.0, np.array([True, True, False, False]), np.array([0.9, 0.8, 0.2, 0.1])) is None
    assert delong_interval(0.5, np.array([True, False, False]), np.array([0.5, 0.8, 0.2])) is None
