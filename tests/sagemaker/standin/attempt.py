"""One start of all containers of a job, until they have all ended."""

import signal
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum, auto

from .hosts import Host

POLL_SECONDS = 0.1


class Ending(Enum):
    """How an attempt ended."""

    COMPLETED = auto()
    FAILED = auto()
    STOPPED = auto()
    INTERRUPTED = auto()
    TIMED_OUT = auto()


@dataclass
class Events:
    """What happens to a job from outside.

    Attributes:
        stop: StopTrainingJob or StopProcessingJob was called.
        interrupt: the spot instances are taken away.
    """

    stop: threading.Event = field(default_factory=threading.Event)
    interrupt: threading.Event = field(default_factory=threading.Event)


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended.

    Attributes:
        ending: in which way.
        failed: the host that failed before the others were ended, if one did.
    """

    ending: Ending
    failed: Host | None


@dataclass(frozen=True)
class Attempt:
    """Containers that run.

    Attributes:
        hosts: started before.
        events: what happens to the job from outside.
        deadline: time.monotonic() after which they are ended.
        grace_seconds: between SIGTERM and SIGKILL.
        meanwhile: called again and again, and once after the end.
    """

    hosts: list[Host]
    events: Events
    deadline: float
    grace_seconds: float
    meanwhile: Callable[[], None]

    def run(self) -> "Outcome":
        """Wait for the end of all hosts. One that fails ends the others."""
        ending = None
        while ending is None:
            time.sleep(POLL_SECONDS)
            self.meanwhile()
            ending = self._ending()
        failed = next((host for host in self.hosts if host.exit_code() not in (None, 0)), None)
        self._end_all()
        for _ in range(2):  # what was written last is at rest at the second look
            self.meanwhile()
        return Outcome(ending, failed)

    def _ending(self) -> Ending | None:
        codes = [host.exit_code() for host in self.hosts]
        if self.events.stop.is_set():
            return Ending.STOPPED
        if self.events.interrupt.is_set():
            return Ending.INTERRUPTED
        if any(code not in (None, 0) for code in codes):
            return Ending.FAILED
        if all(code == 0 for code in codes):
            return Ending.COMPLETED
        return Ending.TIMED_OUT if time.monotonic() > self.deadline else None

    def _end_all(self) -> None:
        self._send(signal.SIGTERM)
        deadline = time.monotonic() + self.grace_seconds
        while time.monotonic() < deadline and any(host.exit_code() is None for host in self.hosts):
            time.sleep(POLL_SECONDS)
            self.meanwhile()
        self._send(signal.SIGKILL)
        for host in self.hosts:
            host.wait()

    def _send(self, number: signal.Signals) -> None:
        for host in self.hosts:
            if host.exit_code() is None:
                host.send(number)
