import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from slidemill.evaluation import ranking
from slidemill.evaluation.ranking import Ranking

weighted_samples = st.lists(
    st.tuples(st.booleans(), st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.integers(0, 3)), min_size=2, max_size=12
)


@given(samples=weighted_samples)
def test_areas_of_a_draw_are_those_of_scikit_learn(samples):
    is_positive, scores, weights = (np.array(column) for column in zip(*samples, strict=True))
    draw = Ranking.of_draws(is_positive, scores, np.arange(len(scores)), weights[None].astype(float))
    if weights[is_positive].sum() and weights[~is_positive].sum():
        assert draw.auc()[0] == pytest.approx(reference.roc_auc_score(is_positive, scores, sample_weight=weights))
        precision = reference.average_precision_score(is_positive, scores, sample_weight=weights)
        assert draw.average_precision()[0] == pytest.approx(precision)
    else:
        assert np.isnan(draw.auc()[0])


@given(samples=weighted_samples)
def test_curves_are_those_of_scikit_learn(samples):
    is_positive, scores, _ = (np.array(column) for column in zip(*samples, strict=True))
    if is_positive.all() or not is_positive.any():
        return
    false, true = Ranking.of(is_positive, scores).rates()
    expected = reference.roc_curve(is_positive, scores, drop_intermediate=False)
    np.testing.assert_allclose(false[0], expected[0])
    np.testing.assert_allclose(true[0], expected[1])
    precision, recall = Ranking.of(is_positive, scores).precision_recall()
    expected = reference.precision_recall_curve(is_positive, scores)
    np.testing.assert_allclose(precision[0], expected[0][-2::-1])
    np.testing.assert_allclose(recall[0], expected[1][-2::-1])


def test_many_levels_are_joined_for_draws_and_lose_next_to_nothing(monkeypatch):
    monkeypatch.setattr(ranking, "MAX_LEVELS", 256)
    random = np.random.default_rng(0)
    is_positive = random.random(20_000) < 0.3
    scores = 1 / (1 + np.exp(-random.normal(2 * is_positive, 1) * 8))  # most of them close to 0 or 1
    drawn = Ranking.of_draws(is_positive, scores, np.zeros(20_000, int), np.ones((1, 1)))
    assert drawn.positives.shape[1] <= 256
    assert drawn.auc()[0] == pytest.approx(Ranking.of(is_positive, scores).auc()[0], abs=1e-4)
    exact = Ranking.of(is_positive, scores).average_precision()[0]
    assert drawn.average_precision()[0] == pytest.approx(exact, abs=5e-3)
