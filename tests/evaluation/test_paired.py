from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from slidemill.evaluation.jackknife import Jackknife
from slidemill.evaluation.paired import Number, difference, numbers
from slidemill.evaluation.samples import Samples

CLASSES = ("A", "B")


def models(count=120, seed=0, slides=2):
    """Two models of the same slides, the second one worse."""
    random = np.random.default_rng(seed)
    unit = np.repeat(np.arange(count // slides), slides)
    true = random.integers(0, 2, count // slides)[unit]
    latent = true + random.normal(size=count // slides)[unit]
    found = []
    for noise in (0.4, 1.5):
        score = 1 / (1 + np.exp(-(latent - 0.5 + noise * random.normal(size=count))))
        scores = np.stack([1 - score, score], axis=1)
        found.append(Samples(CLASSES, unit, true, scores.argmax(axis=1), scores))
    return found


def compared(one, other, **options):
    first, second = numbers(one, {}), numbers(other, {})
    return {name: difference(first[name], second[name], **options) for name in first}


def test_a_model_against_itself():
    one, _ = models()
    for found in compared(one, one, is_same=True).values():
        assert (found["difference"], found["interval_95"], found["p_value"]) == (0, [0, 0], 1)


def test_two_models_that_never_differ_in_class_may_still_differ_elsewhere():
    one, _ = models()
    found = compared(one, one)["accuracy"]
    lower, upper = found["interval_95"]
    assert (found["difference"], found["p_value"]) == (0, 1)
    assert -0.1 < lower < 0 < upper < 0.1


def test_the_other_way_round_signs_turn():
    one, other = models()
    there, back = compared(one, other), compared(other, one)
    for name, found in there.items():
        assert back[name]["difference"] == pytest.approx(-found["difference"])
        assert back[name]["p_value"] == pytest.approx(found["p_value"])
        assert back[name]["interval_95"] == pytest.approx([-end for end in found["interval_95"][::-1]])


def test_a_worse_model_is_found():
    found = compared(*models(1600))
    assert found["auc_macro"]["p_value"] < 0.001
    assert found["auc_macro"]["interval_95"][1] < 0
    assert found["log_loss"]["interval_95"][0] > 0


@given(seed=st.integers(0, 200))
def test_p_is_below_5_percent_just_where_the_interval_leaves_out_0(seed):
    for found in compared(*models(40, seed)).values():
        if found["interval_95"]:
            lower, upper = found["interval_95"]
            assert (found["p_value"] < 0.05) == (not lower <= 0 <= upper)


def test_areas_differ_by_the_variance_of_delong():
    """DeLong et al. 1988, equations 4 to 6, for two areas of the same samples, one a unit."""
    one, other = models(300, slides=1)
    placements = []
    for samples in (one, other):
        x, y = samples.scores[samples.true == 1, 1], samples.scores[samples.true == 0, 1]
        won = (x[:, None] > y) + 0.5 * (x[:, None] == y)
        placements.append((won.mean(axis=1), won.mean(axis=0)))
    of_positives, of_negatives = placements[1][0] - placements[0][0], placements[1][1] - placements[0][1]
    expected = of_positives.var(ddof=1) / len(of_positives) + of_negatives.var(ddof=1) / len(of_negatives)
    first, second = numbers(one, {}), numbers(other, {})
    found = second["auc_of_B"].found.minus(first["auc_of_B"].found)
    assert found.variance == pytest.approx(expected, rel=0.02)
    assert found.value == pytest.approx(of_positives.mean())


def test_accuracies_differ_by_the_variance_of_mcnemar():
    """One slide a unit: (b + c - (b - c)^2 / n) / n^2, as in Fleiss 1981, section 8.2, but for n / (n - 1)."""
    one, other = models(200, slides=1)
    right = [samples.predicted == samples.true for samples in (one, other)]
    b, c, n = (right[0] & ~right[1]).sum(), (~right[0] & right[1]).sum(), 200
    first, second = numbers(one, {}), numbers(other, {})
    found = second["accuracy"].found.minus(first["accuracy"].found)
    assert found.value == pytest.approx((c - b) / n)
    assert found.variance == pytest.approx((b + c - (b - c) ** 2 / n) / n / (n - 1))


def test_few_patients_leave_open_all_that_is_possible_and_no_more():
    found = compared(*models(8, seed=6))
    assert found["accuracy"]["interval_95"][1] == 1
    for name, most in (("accuracy", 1), ("auc_macro", 1), ("cohen_kappa", 2), ("brier", 2)):
        lower, upper = found[name]["interval_95"]
        assert -most <= lower <= found[name]["difference"] <= upper <= most


def test_quadratic_kappas_of_grades_differ_by_no_more_than_2():
    graded = [replace(samples, is_ordered=True) for samples in models(60, seed=6)]
    found = compared(*graded)["quadratic_kappa"]
    values = [reference.cohen_kappa_score(own.true, own.predicted, weights="quadratic") for own in graded]
    assert found["difference"] == pytest.approx(values[1] - values[0])
    assert "quadratic_kappa" not in compared(*models(60, seed=6))


def test_thresholds_are_those_of_each_sample():
    one, _ = models(10)
    low, high = (numbers(one, {"B": np.full(10, value)}) for value in (0.0, 1.1))
    assert low["sensitivity_of_B"].found.value == high["specificity_of_B"].found.value == 1
    assert low["specificity_of_B"].found.value == high["sensitivity_of_B"].found.value == 0


def test_what_is_not_computable_says_so():
    nothing = Number(Jackknife(np.nan, np.full(3, np.nan)))
    assert difference(nothing, nothing)["reason"] == "not computable for both"
    one = Number(Jackknife(0.5, np.array([0.5])))
    assert "one unit only" in difference(one, one)["reason"]
