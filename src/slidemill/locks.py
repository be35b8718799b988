"""Work that two processes must not do at the same time, such as two copies of a job."""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_LOG = logging.getLogger(__name__)


@contextmanager
def only_one(lock: Path, work: str) -> Iterator[None]:
    """Wait until no other process is in such a block for the same lock.

    The system gives a lock back when its holder ends, however that ends. On a file system without locks nobody waits.

    Args:
        lock: a file that is there as long as the work; its folder is made when it is missing.
        work: what is done, for the log of one that waits.
    """
    lock.parent.mkdir(parents=True, exist_ok=True)
    descriptor = _locked(lock, work)
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _locked(lock: Path, work: str) -> int:
    while True:
        descriptor = os.open(lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
        try:
            _wait(descriptor, work)
            if os.path.samestat(lock.stat(), os.fstat(descriptor)):
                return descriptor
        except FileNotFoundError:  # the one before has removed it
            pass
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)


def _wait(descriptor: int, work: str) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        _LOG.info("another process does the same (%s): waiting for its end", work)
        fcntl.flock(descriptor, fcntl.LOCK_EX)
    except OSError as error:
        _LOG.info("no locks here (%s): another copy of this job would not be noticed", error)
