import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.training.schedule import LearningRateSchedule

schedules = st.builds(
    LearningRateSchedule,
    learning_rate=st.floats(1e-6, 1.0),
    batches_per_step=st.integers(1, 64),
    steps_per_epoch=st.integers(1, 20),
    epochs=st.integers(1, 20),
)
longer = st.builds(
    LearningRateSchedule,
    learning_rate=st.just(0.1),
    batches_per_step=st.integers(1, 4),
    steps_per_epoch=st.integers(1, 20),
    epochs=st.integers(2, 20),
    warm_up_epochs=st.floats(0, 30),
    decay=st.sampled_from(["cosine", "step"]),
    decay_epochs=st.floats(0.5, 5),
    decay_factor=st.floats(0.1, 0.9),
)


def rates(schedule):
    return [schedule.at(step) for step in range(schedule.epochs * schedule.steps_per_epoch)]


@given(schedules)
def test_warm_up_ends_at_the_scaled_learning_rate(schedule):
    warm_up = rates(schedule)[: schedule.steps_per_epoch]
    assert warm_up[-1] == pytest.approx(schedule.learning_rate * schedule.batches_per_step)
    assert warm_up == sorted(warm_up)


@given(schedules)
def test_after_the_warm_up_the_rate_only_falls_and_stays_positive(schedule):
    decay = rates(schedule)[schedule.steps_per_epoch :]
    assert decay == sorted(decay, reverse=True)
    assert all(rate > 0 for rate in rates(schedule))


@given(schedules)
def test_the_rate_never_jumps_after_the_warm_up(schedule):
    peak = schedule.learning_rate * schedule.batches_per_step
    decay_steps = (schedule.epochs - 1) * schedule.steps_per_epoch
    for before, after in itertools.pairwise(rates(schedule)[schedule.steps_per_epoch :]):
        assert before - after <= peak * 1.6 / decay_steps  # the steepest slope of the cosine is pi / 2


@given(longer)
def test_any_warm_up_and_decay_stays_between_zero_and_the_scaled_rate(schedule):
    peak = schedule.learning_rate * schedule.batches_per_step
    assert all(0 < rate <= peak * (1 + 1e-9) for rate in rates(schedule))


def test_step_decay_multiplies_after_each_so_many_epochs():
    schedule = LearningRateSchedule(
        learning_rate=1.0,
        batches_per_step=1,
        steps_per_epoch=10,
        epochs=7,
        warm_up_epochs=0.5,
        decay="step",
        decay_epochs=3,
        decay_factor=0.1,
    )
    found = rates(schedule)
    assert found[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
    assert found[5:30] == [1.0] * 25
    assert found[30:60] == pytest.approx([0.1] * 30)
    assert found[60:] == pytest.approx([0.01] * 10)


def test_without_a_warm_up_the_first_step_has_the_scaled_rate():
    schedule = LearningRateSchedule(
        learning_rate=0.1, batches_per_step=4, steps_per_epoch=5, epochs=2, warm_up_epochs=0
    )
    assert schedule.at(0) == pytest.approx(0.4)
