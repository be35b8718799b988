"""SIGTERM: what SLURM, spot instances and people send before they kill. mpirun passes it on as SIGUSR1."""

import signal
from types import FrameType

from slidemill.errors import SlidemillError

# EX_TEMPFAIL of sysexits.h: "the user is invited to try the same command again".
EXIT_CODE = 75


class PreemptedError(SlidemillError):
    """A training that was asked to stop and has saved its state."""

    exit_code = EXIT_CODE

    def __init__(self, epoch: int, step: int) -> None:
        super().__init__(epoch, step)
        self.epoch = epoch
        self.step = step

    def __str__(self) -> str:
        return f"stopped by a signal; saved after step {self.step} of epoch {self.epoch}. Run again to go on."


class StopRequest:
    """Whether this process was asked to stop since `listen`."""

    def __init__(self) -> None:
        self._came = False

    def listen(self) -> None:
        """Remember the signals from now on instead of ending at once."""
        for number in (signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, self._remember)

    def came(self) -> bool:
        """Whether a signal came."""
        return self._came

    def _remember(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        self._came = True
