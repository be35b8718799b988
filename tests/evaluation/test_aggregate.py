import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slidemill.evaluation.aggregate import TILE_METHODS, PredictionsError, score_slide

tile_scores = hnp.arrays(
    np.float32, st.tuples(st.integers(1, 40), st.just(3)), elements=st.floats(0.0625, 1, width=32)
).map(lambda raw: raw / raw.sum(axis=1, keepdims=True))
same_fixture_for_all_examples = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def test_a_slide_by_hand(predictions_of):
    score = score_slide(predictions_of([[0.5, 0.25, 0.25], [0.75, 0.25, 0], [0.25, 0.75, 0]]))
    assert score.scores["mean"] == pytest.approx({"LUAD": 0.5, "LUSC": 1.25 / 3, "Normal": 0.25 / 3})
    assert score.scores["majority"] == pytest.approx({"LUAD": 2 / 3, "LUSC": 1 / 3, "Normal": 0})
    assert score.scores["median"] == pytest.approx({"LUAD": 0.5 / 0.75, "LUSC": 0.25 / 0.75, "Normal": 0})
    assert set(score.predicted.values()) == {"LUAD"}
    assert score.tile_count == 3


def test_the_top_k_mean_takes_the_k_highest_tiles_of_each_class(predictions_of):
    tiles = [[0.5, 0.25, 0.25], [0.75, 0.25, 0], [0.25, 0.75, 0]]
    assert score_slide(predictions_of(tiles), top_k=2).scores["top_k_mean"] == pytest.approx(
        {"LUAD": 0.625 / 1.25, "LUSC": 0.5 / 1.25, "Normal": 0.125 / 1.25}
    )
    of_all = score_slide(predictions_of(tiles), top_k=9)
    assert of_all.scores["top_k_mean"] == pytest.approx(of_all.scores["mean"])


def test_a_rare_class_may_win_by_the_top_k_mean_only(predictions_of):
    tiles = [[0.75, 0.25, 0]] * 6 + [[0, 0, 1]]
    score = score_slide(predictions_of(tiles), top_k=1)
    assert score.predicted == {
        "mean": "LUAD",
        "majority": "LUAD",
        "median": "LUAD",
        "top_k_mean": "Normal",
        "maximum": "Normal",
    }


def test_the_maximum_is_that_of_the_one_highest_tile_of_each_class(predictions_of):
    tiles = [[0.5, 0.25, 0.25], [0.75, 0.25, 0], [0.25, 0.75, 0]]
    score = score_slide(predictions_of(tiles))
    assert score.scores["maximum"] == pytest.approx({"LUAD": 0.75 / 1.75, "LUSC": 0.75 / 1.75, "Normal": 0.25 / 1.75})


def test_medians_that_are_all_0_say_nothing(predictions_of):
    assert set(score_slide(predictions_of(np.eye(3))).scores["median"].values()) == {1 / 3}


def test_mean_and_majority_may_differ(predictions_of):
    score = score_slide(predictions_of([[0.5, 0.375, 0.125], [0.5, 0.375, 0.125], [0, 1, 0]]))
    assert (score.predicted["mean"], score.predicted["majority"]) == ("LUSC", "LUAD")


def test_equal_votes_go_to_the_higher_mean(predictions_of):
    score = score_slide(predictions_of([[0.625, 0.375, 0], [0.125, 0.875, 0]]))
    assert score.scores["majority"] == {"LUAD": 0.5, "LUSC": 0.5, "Normal": 0}
    assert score.predicted["majority"] == "LUSC"


def test_equal_votes_and_means_go_to_the_earlier_class(predictions_of):
    score = score_slide(predictions_of([[0, 0.25, 0.75], [0, 0.75, 0.25]]))
    assert (score.predicted["mean"], score.predicted["majority"]) == ("LUSC", "LUSC")


def test_a_tile_with_equal_scores_votes_for_the_earlier_class(predictions_of):
    assert score_slide(predictions_of([[0, 0.5, 0.5]])).scores["majority"] == {"LUAD": 0, "LUSC": 1, "Normal": 0}


@same_fixture_for_all_examples
@given(scores=tile_scores)
def test_the_scores_of_every_method_add_up_to_1_and_the_highest_wins(predictions_of, scores):
    score = score_slide(predictions_of(scores), top_k=5)
    assert set(score.scores) == set(score.predicted) == set(TILE_METHODS)
    for method in TILE_METHODS:
        assert sum(score.scores[method].values()) == pytest.approx(1, abs=1e-5)
        assert score.scores[method][score.predicted[method]] == max(score.scores[method].values())


@same_fixture_for_all_examples
@given(scores=tile_scores, seed=st.integers(0, 2**32))
def test_the_order_of_the_tiles_changes_nothing(predictions_of, scores, seed):
    shuffled = np.random.default_rng(seed).permutation(scores)
    assert score_slide(predictions_of(shuffled)) == score_slide(predictions_of(scores))


def test_a_slide_set_aside_has_no_score_and_keeps_its_reason(predictions_of):
    score = score_slide(predictions_of([], reason="no tissue"))
    assert (score.reason, score.tile_count) == ("no tissue", 0)
    assert score.scores == score.predicted == {}


@pytest.mark.parametrize("scores", [[], [[np.nan, 0.5, 0.5]], [[-0.5, 1, 0.5]], [[2, -0.5, -0.5]]])
def test_unusable_scores_are_refused(predictions_of, scores):
    with pytest.raises(PredictionsError, match="slide s1"):
        score_slide(predictions_of(scores))
