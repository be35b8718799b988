import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.training.schedule import LearningRateSchedule

schedules = st.builds(
    LearningRateSchedule,
    learning_rate=st.floats(1e-6, 1.0),
    ranks=st.integers(1, 64),
    steps_per_epoch=st.integers(1, 20),
    epochs=st.integers(1, 20),
)


def rates(schedule):
    return [schedule.at(step) for step in range(schedule.epochs * schedule.steps_per_epoch)]


@given(schedules)
def test_warm_up_ends_at_the_scaled_learning_rate(schedule):
    warm_up = rates(schedule)[: schedule.steps_per_epoch]
    assert warm_up[-1] == pytest.approx(schedule.learning_rate * schedule.ranks)
    assert warm_up == sorted(warm_up)


@given(schedules)
def test_after_the_warm_up_the_rate_only_falls_and_stays_positive(schedule):
    decay = rates(schedule)[schedule.steps_per_epoch :]
    assert decay == sorted(decay, reverse=True)
    assert all(rate > 0 for rate in rates(schedule))


@given(schedules)
def test_the_rate_never_jumps_after_the_warm_up(schedule):
    peak = schedule.learning_rate * schedule.ranks
    decay_steps = (schedule.epochs - 1) * schedule.steps_per_epoch
    for before, after in itertools.pairwise(rates(schedule)[schedule.steps_per_epoch :]):
        assert before - after <= peak * 1.6 / decay_steps  # the steepest slope of the cosine is pi / 2
