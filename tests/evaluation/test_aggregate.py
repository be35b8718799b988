import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slidemill.evaluation.aggregate import PredictionsError, score_slide

tile_scores = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(0.0625, 1, width=32)
).map(lambda raw: raw / raw.sum(axis=1, keepdims=True))
same_fixture_for_all_examples = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_slide_by_hand(predictions_of):
    score = score_slide(predictions_of([[0.5, 0.25, 0.25], [0.75, 0.25, 0], [0.25, 0.75, 0]]))
    assert score.mean_scores == pytest.approx({"LUAD": 0.5, "LUSC": 1.25 / 3, "Normal": 0.25 / 3})
    assert score.votes == {"LUAD": 2, "LUSC": 1, "Normal": 0}
    assert (score.predicted, score.majority, score.tile_count) == ("LUAD", "LUAD", 3)
    assert score.majority_fraction == pytest.approx(2 / 3)


def test_mean_and_majority_may_differ(predictions_of):
    score = score_slide(predictions_of([[0.5, 0.375, 0.125], [0.5, 0.375, 0.125], [0, 1, 0]]))
    assert (score.predicted, score.majority) == ("LUSC", "LUAD")


def test_equal_votes_go_to_the_higher_mean(predictions_of):
    score = score_slide(predictions_of([[0.625, 0.375, 0], [0.125, 0.875, 0]]))
    assert score.votes == {"LUAD": 1, "LUSC": 1, "Normal": 0}
    assert score.majority == "LUSC"


def test_equal_votes_and_means_go_to_the_earlier_class(predictions_of):
    score = score_slide(predictions_of([[0, 0.25, 0.75], [0, 0.75, 0.25]]))
    assert (score.predicted, score.majority) == ("LUSC", "LUSC")


def test_a_tile_with_equal_scores_votes_for_the_earlier_class(predictions_of):
    assert score_slide(predictions_of([[0, 0.5, 0.5]])).votes == {"LUAD": 0, "LUSC": 1, "Normal": 0}


@same_fixture_for_all_examples
@given(scores=tile_scores)
def test_mean_scores_sum_to_one_and_votes_to_the_tiles(predictions_of, scores):
    score = score_slide(predictions_of(scores))
    assert sum(score.mean_scores.values()) == pytest.approx(1, abs=1e-5)
    assert sum(score.votes.values()) == score.tile_count == len(scores)
    assert score.votes[score.majority] == max(score.votes.values())
    assert score.mean_scores[score.predicted] == max(score.mean_scores.values())


@same_fixture_for_all_examples
@given(scores=tile_scores, seed=st.integers(0, 2**32))
def test_the_order_of_the_tiles_changes_nothing(predictions_of, scores, seed):
    shuffled = np.random.default_rng(seed).permutation(scores)
    assert score_slide(predictions_of(shuffled)) == score_slide(predictions_of(scores))


def test_a_slide_set_aside_has_no_score_and_keeps_its_reason(predictions_of):
    score = score_slide(predictions_of([], reason="no tissue"))
    assert (score.reason, score.predicted, score.majority, score.tile_count) == ("no tissue", "", "", 0)
    assert score.mean_scores == score.votes == {}
    assert score.majority_fraction is None


@pytest.mark.parametrize("scores", [[], [[np.nan, 0.5, 0.5]], [[-0.5, 1, 0.5]], [[2, -0.5, -0.5]]])
def test_unusable_scores_are_refused(predictions_of, scores):
    with pytest.raises(PredictionsError, match="slide s1"):
        score_slide(predictions_of(scores))
