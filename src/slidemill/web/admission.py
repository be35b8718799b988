"""How many requests, and how many bytes of them, a service has taken on and not yet answered."""

from collections.abc import Iterator
from contextlib import contextmanager

from slidemill.web.refusals import RefusedError
from slidemill.web.settings import Limits


class Admission:
    """Counts what is in flight; beyond the limits a client is told to come again. For one event loop."""

    def __init__(self, limits: Limits) -> None:
        """Begin with nothing."""
        self._limits = limits
        self.requests = 0
        self.bytes = 0

    @contextmanager
    def request(self) -> Iterator["Reservation"]:
        """A request in flight, until the block ends.

        Raises:
            RefusedError: there are too many.
        """
        if self.requests >= self._limits.requests:
            raise self.full()
        self.requests += 1
        reservation = Reservation(self)
        try:
            yield reservation
        finally:
            self.requests -= 1
            self.bytes -= reservation.bytes

    def reserve(self, count: int) -> None:
        """Count bytes of a request's body.

        Raises:
            RefusedError: all bodies together would be too large.
        """
        if self.bytes + count > self._limits.bytes_in_flight:
            raise self.full()
        self.bytes += count

    def full(self) -> RefusedError:
        """What a client is told that comes when there is no room."""
        seconds = self._limits.retry_after_seconds
        return RefusedError(503, f"the service is full; come again in {seconds} s", retry_after=seconds)


class Reservation:
    """The bytes of one request."""

    def __init__(self, admission: Admission) -> None:
        """Begin with none."""
        self._admission = admission
        self.bytes = 0

    def grow(self, total: int) -> None:
        """Have room for a body of this many bytes; no less than before.

        Raises:
            RefusedError: there is none.
        """
        if total > self.bytes:
            self._admission.reserve(total - self.bytes)
            self.bytes = total
