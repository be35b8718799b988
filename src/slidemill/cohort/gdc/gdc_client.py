"""The GDC's own program, gdc-client, where it is installed.

It puts a file to FOLDER/UUID/NAME, with NAME.partial and logs/ beside it while it works. Its exit code is 0 at times
when the checksum was wrong, and after some failures it cannot go on from its own traces; so the caller verifies what it
left, and a try that failed leaves nothing.
"""

import logging
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from slidemill.cohort.gdc.errors import TransientError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.verify import verify

_LOG = logging.getLogger(__name__)
_POLL_S = 0.2


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


def fetch(file: GdcFile, folder: Path, client: GdcClient) -> Path:
    """Fetch a file with one call of gdc-client.

    Args:
        file: what to fetch.
        folder: where the client keeps what it makes.
        client: how to call it.

    Returns:
        The file, its bytes verified.

    Raises:
        TransientError: it did not arrive whole and right; nothing of it is left.
    """
    own = folder / file.file_id
    try:
        exit_code = _run(_command(file, folder, client), folder, client.timeout_s)
        if exit_code:
            _LOG.warning("gdc-client ended with exit code %d", exit_code)
        verify(own / file.filename, file)
    except TransientError:
        shutil.rmtree(own, ignore_errors=True)
        raise
    return own / file.filename


def _command(file: GdcFile, folder: Path, client: GdcClient) -> list[str]:
    command = [str(client.program), "download", "--dir", str(folder), "--server", client.server]
    command += ["--n-processes", str(client.connections), "--no-related-files", "--no-annotations"]
    if client.token_file:
        command += ["--token-file", str(client.token_file)]
    return [*command, file.file_id]


def _run(command: list[str], folder: Path, timeout_s: float) -> int:
    folder.mkdir(parents=True, exist_ok=True)
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    try:
        state, since = _state(folder), time.monotonic()
        while process.poll() is None:
            time.sleep(_POLL_S)
            now = _state(folder)
            if now != state:
                state, since = now, time.monotonic()
            elif time.monotonic() - since > timeout_s:
                raise TransientError(f"gdc-client wrote nothing for {timeout_s:g} s")
        return process.returncode
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()


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
