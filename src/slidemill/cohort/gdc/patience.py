"""How often and how long to try again."""

import email.utils
import logging
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import tenacity

from slidemill.cohort.gdc.errors import RefusedError, TransientError

_LOG = logging.getLogger(__name__)
_LONGEST_REQUESTED_WAIT_S = 600.0


@dataclass(frozen=True, slots=True)
class Patience:
    """Bounds of waiting.

    Attributes:
        tries: how often in a row, without any progress, something is tried before it is given up.
        timeout_s: how long the other side may be silent.
        first_wait_s: wait after the first failure; it doubles after each further one, and a random part of it
            is left out so that many downloads do not come back at the same moment.
        longest_wait_s: where the doubling ends.
    """

    tries: int = 6
    timeout_s: float = 60.0
    first_wait_s: float = 1.0
    longest_wait_s: float = 60.0

    def attempts(self, progress: Callable[[], int] = lambda: 0) -> Iterator[tenacity.AttemptManager]:
        """Attempts, for `for attempt in ...: with attempt: ...`; only a `TransientError` leads to a next one.

        Args:
            progress: anything that grows when something was gained. Tries that gained something do not count.

        Raises:
            TransientError: of the last try.
            RefusedError: the server asks to wait unreasonably long.
        """
        counter = _Counter(self, progress)
        return iter(
            tenacity.Retrying(
                retry=tenacity.retry_if_exception_type(TransientError),
                after=counter.count,
                stop=counter.is_over,
                wait=counter.wait_s,
                before_sleep=_log_failure,
                reraise=True,
            )
        )


class _Counter:
    """Counts the tries without progress."""

    def __init__(self, patience: Patience, progress: Callable[[], int]) -> None:
        self._patience = patience
        self._progress = progress
        self._reached = progress()
        self._failures = 0

    def count(self, state: tenacity.RetryCallState) -> None:
        error = _error_of(state)
        if error.wait_s > _LONGEST_REQUESTED_WAIT_S:
            raise RefusedError(f"{error}; it asks to wait {error.wait_s:.0f} s. Run again later.")
        reached = self._progress()
        self._failures = 1 if reached > self._reached else self._failures + 1
        self._reached = reached

    def is_over(self, _: tenacity.RetryCallState) -> bool:
        return self._failures >= self._patience.tries

    def wait_s(self, state: tenacity.RetryCallState) -> float:
        grown = min(self._patience.first_wait_s * 2 ** (self._failures - 1), self._patience.longest_wait_s)
        return max(_error_of(state).wait_s, grown * random.uniform(0.5, 1.0))  # noqa: S311


def requested_wait_s(retry_after: str | None) -> float:
    """Seconds that a Retry-After header asks for, which is a number or a date; 0 where it says nothing."""
    if retry_after is None:
        return 0.0
    try:
        return max(0.0, float(retry_after))
    except ValueError:
        pass
    try:
        moment = email.utils.parsedate_to_datetime(retry_after)
    except ValueError:
        return 0.0
    if moment.tzinfo is None:  # "-0000", which says that it is UTC
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _log_failure(state: tenacity.RetryCallState) -> None:
    wait = state.next_action.sleep if state.next_action else 0.0
    _LOG.warning("%s; trying again in %.1f s", _error_of(state), wait)


def _error_of(state: tenacity.RetryCallState) -> TransientError:
    error = state.outcome.exception() if state.outcome else None
    assert isinstance(error, TransientError)  # noqa: S101
    return error
