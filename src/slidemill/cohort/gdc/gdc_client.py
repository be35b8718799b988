"""The GDC's own program, gdc-client, where it is installed.

It puts a file to FOLDER/UUID/NAME, with NAME.partial and logs/ beside it while it works, and goes on from these when it
is called again. It is called once: its exit code is 0 at times when the checksum was wrong, it asks again for what the
server refuses, waits for no one, and does not tell a full disk from a bad answer. So the caller verifies what it left,
and whatever is missing the built-in client fetches, by its own rules.
"""

import logging
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from slidemill.cohort.gdc import process_group
from slidemill.cohort.gdc.files import GdcFile

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2
_SAVE_BYTES = 4 << 20  # what it fetches again after it was killed; its default is 1 GiB
# Its processes talk over sockets in TMPDIR, the names of which have 107 bytes at most; it and its Python add 60.
_LONGEST_TMPDIR = 40


@dataclass(frozen=True, slots=True)
class GdcClient:
    """How to call it.

    Attributes:
        program: its path.
        server: address of the GDC.
        connections: how many it uses at once.
        timeout_s: a client that writes nothing for so long is ended.
        token_file: for controlled access; the client reads it itself.
    """

    program: Path
    server: str
    connections: int
    timeout_s: float
    token_file: Path | None


def fetch(file: GdcFile, folder: Path, client: GdcClient) -> Path | None:
    """Call gdc-client once.

    Args:
        file: what to fetch.
        folder: where the client keeps what it makes.
        client: how to call it.

    Returns:
        What it left of the file, whole or in part, right or wrong; None where there is nothing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="gdc-", dir=_short_folder(), ignore_cleanup_errors=True) as temporary:
        environment = os.environ | {"TMPDIR": temporary}
        with process_group.running(_command(file, folder, client), Path(temporary), environment) as process:
            if _is_silent_before_it_ends(process.poll, folder, client.timeout_s):
                _LOG.warning("gdc-client wrote nothing for %g s and was ended", client.timeout_s)
            elif process.returncode:
                _LOG.warning("gdc-client ended with exit code %d", process.returncode)
    return _left(folder / file.file_id, file)


def _left(own: Path, file: GdcFile) -> Path | None:
    """The file in its folder: under its name, else another one, whatever the server calls it."""
    named = [own / file.filename, own / f"{file.filename}.partial"]
    others = sorted(path for path in own.glob("*") if path.stat().st_size == file.size)
    return next((path for path in [*named, *others] if path.is_file()), None)


def _command(file: GdcFile, folder: Path, client: GdcClient) -> list[str]:
    command = [str(client.program), "download", "--dir", str(folder), "--server", client.server]
    command += ["--n-processes", str(client.connections), "--no-related-files", "--no-annotations"]
    command += ["--save-interval", str(_SAVE_BYTES), "--retry-amount", "0"]
    if client.token_file:
        command += ["--token-file", str(client.token_file)]
    return [*command, file.file_id]


def _short_folder() -> str | None:
    """A folder for temporary files with a short name; None for the usual one, where there is none."""
    for name in (tempfile.gettempdir(), "/tmp", "/var/tmp", "/dev/shm"):  # noqa: S108
        if len(os.fsencode(name)) <= _LONGEST_TMPDIR and os.access(name, os.W_OK | os.X_OK):
            return name
    return None


def _is_silent_before_it_ends(poll: Callable[[], int | None], folder: Path, timeout_s: float) -> bool:
    state, since = _state(folder), time.monotonic()
    while poll() is None:
        time.sleep(_POLL_S)
        now = _state(folder)
        if now != state:
            state, since = now, time.monotonic()
        elif time.monotonic() - since > timeout_s:
            return True
    return False


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """Something that changes whenever a file in the folder does."""
    found = []
    for path in sorted(folder.rglob("*")):
        try:
            status = path.stat()
        except FileNotFoundError:  # renamed or removed meanwhile
            continue
        found.append((str(path), status.st_mtime_ns, status.st_blocks))
    return found
