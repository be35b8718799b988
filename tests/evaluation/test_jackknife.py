"""Numbers without each unit, against scikit-learn on what is left."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from slidemill.evaluation import ranking
from slidemill.evaluation.confusion import cohen_kappa
from slidemill.evaluation.jackknife import (
    Jackknife,
    jackknife_auc,
    jackknife_average_precision,
    jackknife_matrix,
    jackknife_mean,
)

UNITS = 4
clustered = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, UNITS - 1)), min_size=2, max_size=14
)
# Hanley and McNeil 1982, Radiology 143:29, table I: ratings 1 to 5 of 58 normal and 51 abnormal CT images.
NORMAL = np.repeat(np.arange(1.0, 6), [33, 6, 6, 11, 2])
ABNORMAL = np.repeat(np.arange(1.0, 6), [3, 2, 2, 11, 33])


def columns(samples):
    is_positive, scores, unit = (np.array(column) for column in zip(*samples, strict=True))
    return is_positive, scores.astype(float), unit


@pytest.mark.parametrize(
    ("jackknife", "area"),
    [
        (jackknife_auc, reference.roc_auc_score),
        (jackknife_average_precision, reference.average_precision_score),
    ],
)
@given(samples=clustered)
def test_areas_without_each_unit_are_those_of_scikit_learn(jackknife, area, samples):
    is_positive, scores, unit = columns(samples)
    if is_positive.all() or not is_positive.any():
        return
    found = jackknife(is_positive, scores, unit, UNITS)
    assert found.value == pytest.approx(area(is_positive, scores))
    for number in range(UNITS):
        rest = unit != number
        if is_positive[rest].any() and not is_positive[rest].all():
            assert found.without[number] == pytest.approx(area(is_positive[rest], scores[rest]))
        elif not is_positive[rest].any():
            assert np.isnan(found.without[number])


def test_published_ratings():
    """The area is the published one, and the variance close to that of DeLong et al. 1988, equations 4 to 6."""
    is_positive = np.repeat([False, True], [len(NORMAL), len(ABNORMAL)])
    found = jackknife_auc(is_positive, np.concatenate([NORMAL, ABNORMAL]), np.arange(109), 109)
    assert found.value == pytest.approx(2642 / (58 * 51))  # 0.893: Wilcoxon's statistic, over the number of pairs
    kernel = (ABNORMAL[:, None] > NORMAL) + 0.5 * (ABNORMAL[:, None] == NORMAL)
    delong = kernel.mean(axis=1).var(ddof=1) / 51 + kernel.mean(axis=0).var(ddof=1) / 58
    assert found.variance == pytest.approx(delong, rel=0.02)


def test_the_variance_with_clusters_is_obuchowskis():
    """Obuchowski 1997, Biometrics 53:567: sums of the placements of each cluster, positives and negatives together."""
    random = np.random.default_rng(0)
    unit = np.repeat(np.arange(200), random.integers(1, 5, 200))
    is_positive = random.random(len(unit)) < 0.4
    scores = is_positive + random.normal(size=200)[unit] + random.normal(size=len(unit))
    x, y = scores[is_positive], scores[~is_positive]
    kernel = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    area = kernel.mean()
    of_positives = np.bincount(unit[is_positive], kernel.mean(axis=1) - area, 200) / len(x)
    of_negatives = np.bincount(unit[~is_positive], kernel.mean(axis=0) - area, 200) / len(y)
    expected = ((of_positives + of_negatives) ** 2).sum() * 200 / 199
    assert jackknife_auc(is_positive, scores, unit, 200).variance == pytest.approx(expected, rel=0.03)


def test_the_variance_of_a_mean_is_the_textbooks():
    """Of one sample a unit: the variance of a sample over its size, and degrees of freedom of normal values."""
    values = np.random.default_rng(1).normal(size=400)
    found = jackknife_mean(values, np.arange(400), 400)
    assert found.value == pytest.approx(values.mean())
    assert found.variance == pytest.approx(values.var(ddof=1) / 400)
    assert 300 < found.freedom() <= 399


def test_few_units_that_decide_leave_few_degrees_of_freedom():
    values = np.zeros(100)
    values[:2] = 1
    assert jackknife_mean(values, np.arange(100), 100).freedom() < 8


def test_a_metric_of_the_confusion_matrix():
    random = np.random.default_rng(2)
    matrices = random.integers(0, 3, (6, 3, 3))
    found = jackknife_matrix(matrices, cohen_kappa)
    for number in range(6):
        counts = matrices.sum(axis=0) - matrices[number]
        true, predicted = (np.repeat(places.ravel(), counts.ravel()) for places in np.indices((3, 3)))
        assert found.without[number] == pytest.approx(reference.cohen_kappa_score(true, predicted))


def test_a_share_among_some_of_the_samples():
    values, among = np.array([1.0, 0, 1, 1]), np.array([True, True, True, False])
    found = jackknife_mean(values, np.array([0, 0, 1, 2]), 3, among)
    assert found.value == pytest.approx(2 / 3)
    assert found.without == pytest.approx([1, 1 / 2, 2 / 3])


def test_units_are_left_out_in_blocks_to_the_same_end():
    random = np.random.default_rng(3)
    unit, is_positive = np.arange(600), random.random(600) < 0.3
    found = jackknife_average_precision(is_positive, random.random(600), unit, 600)
    assert found.without.shape == (600,)
    assert np.isfinite(found.without).all()


def test_many_levels_lose_next_to_nothing(monkeypatch):
    random = np.random.default_rng(4)
    unit, is_positive = np.repeat(np.arange(20), 200), random.random(4000) < 0.3
    scores = random.normal(is_positive)
    exact = jackknife_average_precision(is_positive, scores, unit, 20)
    monkeypatch.setattr(ranking, "MAX_LEVELS", 256)
    capped = jackknife_average_precision(is_positive, scores, unit, 20)
    assert capped.value == exact.value
    assert capped.variance == pytest.approx(exact.variance, rel=0.05)


def test_what_tells_no_variance():
    for without in ([0.5], [0.5, np.nan], [0.5, 0.5], [0.1 + 0.2, 0.3]):
        assert not Jackknife(0.5, np.array(without)).tells_variance
    assert Jackknife(0.5, np.array([0.4, 0.6])).tells_variance
