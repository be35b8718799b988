from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest

from slidemill.cohort.gdc.errors import RefusedError, TransientError
from slidemill.cohort.gdc.patience import Patience, requested_wait_s


@pytest.fixture
def waits(monkeypatch):
    slept: list[float] = []
    monkeypatch.setattr("tenacity.nap.time.sleep", slept.append)
    return slept


def fail_always(patience, progress=lambda: 0, wait_s=0.0):
    for attempt in patience.attempts(progress):
        with attempt:
            raise TransientError("it broke", wait_s)


def test_waits_double_up_to_a_bound(waits):
    with pytest.raises(TransientError, match="it broke"):
        fail_always(Patience(tries=8, first_wait_s=1.0, longest_wait_s=16.0))
    assert len(waits) == 7
    for wait, full in zip(waits, [1, 2, 4, 8, 16, 16, 16], strict=True):
        assert full / 2 <= wait <= full


def test_waits_differ_so_that_downloads_do_not_come_back_together(waits):
    for _ in range(5):
        with pytest.raises(TransientError):
            fail_always(Patience(tries=2))
    assert len(set(waits)) == 5


def test_a_wait_that_the_server_asks_for_is_kept_to(waits):
    with pytest.raises(TransientError):
        fail_always(Patience(tries=3, first_wait_s=1.0), wait_s=77.0)
    assert waits == [77.0, 77.0]


def test_an_unreasonable_wait_is_given_up(waits):
    with pytest.raises(RefusedError, match=r"it broke; it asks to wait 3600 s. Run again later."):
        fail_always(Patience(), wait_s=3600.0)
    assert waits == []


def test_tries_that_gained_something_do_not_count(waits):
    reached = iter([0, 1, 2, 3, 4, 5, 5, 5, 5])
    with pytest.raises(TransientError):
        fail_always(Patience(tries=3), lambda: next(reached))
    assert len(waits) == 6


def test_other_errors_are_not_tried_again(waits):
    with pytest.raises(RefusedError):
        for attempt in Patience().attempts():
            with attempt:
                raise RefusedError("no")
    assert waits == []


def test_retry_after_is_a_number_or_a_date():
    assert requested_wait_s(None) == 0
    assert requested_wait_s("7") == 7
    assert requested_wait_s("-7") == 0
    assert requested_wait_s("soon") == 0
    then = datetime.now(UTC).replace(microsecond=0) + timedelta(hours=2)
    longest = (then - datetime.now(UTC)).total_seconds()
    asked = requested_wait_s(format_datetime(then, usegmt=True))
    assert (then - datetime.now(UTC)).total_seconds() <= asked <= longest
    assert requested_wait_s(format_datetime(datetime.now(UTC) - timedelta(seconds=60), usegmt=True)) == 0
