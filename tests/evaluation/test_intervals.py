import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import binomtest, t

from slidemill.evaluation.intervals import (
    Range,
    area_interval,
    auc_interval,
    effective_units,
    loss_interval,
    newcombe,
    student,
    wilson,
    wilson_interval,
)
from slidemill.evaluation.jackknife import Jackknife, jackknife_mean


@given(right=st.integers(0, 50), more=st.integers(1, 50))
def test_wilson_is_that_of_scipy(right, more):
    expected = binomtest(right, right + more).proportion_ci(method="wilson")
    found = wilson(right / (right + more), right + more, 1.959963984540054)
    assert found == pytest.approx((expected.low, expected.high), abs=1e-9)


def test_quantiles_are_those_of_scipy():
    assert [student(freedom) for freedom in (1, 2.5, 30)] == pytest.approx([t.ppf(0.975, f) for f in (1, 2.5, 30)])


def test_all_right_says_as_much_as_so_many_patients_can():
    """The exact bound of 37 of 37 is 90.5% (Clopper and Pearson); slides of one patient add nothing."""
    once = jackknife_mean(np.ones(37), np.arange(37), 37)
    assert wilson_interval(once, 37.0, 37) == pytest.approx([0.9, 1], abs=0.005)
    unit = np.repeat(np.arange(37), 3)
    thrice = jackknife_mean(np.ones(111), unit, 37)
    assert effective_units(unit) == pytest.approx(37)
    assert wilson_interval(thrice, effective_units(unit), 111) == pytest.approx(wilson_interval(once, 37.0, 37))


def test_copies_of_a_patients_slide_do_not_narrow_the_interval():
    right = np.random.default_rng(0).random(40) < 0.8
    once = jackknife_mean(right.astype(float), np.arange(40), 40)
    twice = jackknife_mean(np.tile(right, 2).astype(float), np.tile(np.arange(40), 2), 40)
    assert wilson_interval(twice, 40, 80) == pytest.approx(wilson_interval(once, 40, 40))


def test_independent_slides_count_as_such_and_never_as_more():
    values = np.tile([1.0, 0.0], 20)  # nearly each patient has a right and a wrong slide: more alike than by chance
    values[1] = 1
    found = jackknife_mean(values, np.repeat(np.arange(20), 2), 20)
    assert wilson_interval(found, 20, 40) == pytest.approx(list(wilson(21 / 40, 40, student(19))))


def test_units_of_unequal_size_count_less():
    assert effective_units(np.array([0, 1, 2, 3])) == 4
    assert effective_units(np.array([0, 0, 0, 1])) == pytest.approx(16 / 10)
    assert effective_units(np.zeros(0, int)) == 0


def test_a_perfect_area_of_more_patients_is_more_certain():
    perfect = Jackknife(1.0, np.ones(30))
    few, many = auc_interval(perfect, 3, 27), auc_interval(perfect, 12, 18)
    assert few[0] < many[0] < 1 == few[1] == many[1]
    assert auc_interval(Jackknife(0.0, np.zeros(30)), 3, 27) == pytest.approx([0, 1 - few[0]])


def test_few_patients_that_happen_to_lie_alike_do_not_pass_for_certain():
    """Numbers as benchmarks/coverage.py draws them in the design `rare`, of which the true area is 0.961."""
    found = Jackknife(0.994, 0.994 + np.tile([3.5e-4, -3.5e-4], 50))
    assert area_interval(found, 7)[0] > 0.961
    assert auc_interval(found, 7, 77) == pytest.approx([0.961, 0.9991], abs=0.003)
    # Of more of them it is believed; and where units hold both classes, as sites do, samples are not alike by chance.
    assert auc_interval(found, 12, 77) == area_interval(found, 12)
    assert auc_interval(found, 9, 99) == area_interval(found, 9)


@pytest.mark.parametrize("area", [0.3, 0.9, 1.0])
def test_bounds_of_an_area_solve_newcombes_equation(area):
    """Newcombe 2006, Stat Med 25:559, method 5: the variance of Hanley and McNeil 1982 with the mean of both sizes."""
    for bound in newcombe(area, 6, 24, 1.96):
        if bound == 1:
            continue
        other = (6 + 24) / 2 - 1
        q1, q2 = bound / (2 - bound), 2 * bound**2 / (1 + bound)
        variance = (bound * (1 - bound) + other * (q1 - bound**2 + q2 - bound**2)) / (6 * 24)
        assert abs(area - bound) == pytest.approx(1.96 * variance**0.5, rel=1e-6)


def test_a_class_of_one_patient_is_most_uncertain():
    """Without the patient there is no area, so no variance is known: the patient counts as one trial."""
    alone = Jackknife(0.9, np.array([np.nan, *np.full(11, 0.9)]))
    lower, upper = auc_interval(alone, 1, 11)
    assert lower < 0.4
    assert upper > 0.98


def test_an_interval_on_the_logit_stays_in_its_range_and_holds_the_value():
    found = Jackknife(0.97, 0.97 + np.array([-0.02, 0.01, 0.005, 0.005]))
    lower, upper = area_interval(found, 4)
    assert 0 < lower < 0.97 < upper < 1
    assert 0.97 - lower > upper - 0.97


def test_a_loss_has_no_upper_end_unless_its_range_has():
    found = Jackknife(0.4, 0.4 + np.array([-0.1, 0.05, 0.05]))
    assert loss_interval(found, 3, Range(0, np.inf))[1] > 1
    assert loss_interval(found, 3, Range(0, 2))[1] < 2
    assert loss_interval(Jackknife(0.4, np.full(3, 0.4)), 3, Range(0, np.inf)) is None
