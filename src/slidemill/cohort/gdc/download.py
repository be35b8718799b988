"""Download one slide, whole and right, or say why not."""

import logging
import shutil
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from slidemill.atomic import publish
from slidemill.cohort.gdc import gdc_client, transfer
from slidemill.cohort.gdc.address import GDC
from slidemill.cohort.gdc.errors import DownloadError, GdcError, TransientError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.patience import Patience
from slidemill.cohort.gdc.ranges import progress_path
from slidemill.cohort.gdc.server import GdcServer
from slidemill.cohort.gdc.space import check_space, disk_errors
from slidemill.cohort.gdc.takeover import take_over
from slidemill.cohort.gdc.token import read_token
from slidemill.cohort.gdc.verify import verify
from slidemill.locks import only_one
from slidemill.placeholder import write_placeholder

_LOG = logging.getLogger(__name__)

Client = Literal["auto", "gdc-client", "https"]
OnFailure = Literal["set_aside", "stop"]


@dataclass(frozen=True, slots=True)
class DownloadOptions:
    """How files are fetched.

    Attributes:
        client: "gdc-client", "https" (built in), or "auto": gdc-client where it is on the PATH. What gdc-client does
            not bring, the built-in client does.
        server: address of the GDC.
        connections: how many are used at once for one file.
        patience: how often and how long to try.
        token_file: for controlled access.
        on_failure: what to do about a file that cannot be had: set the slide aside, or stop.
    """

    client: Client = "auto"
    server: str = GDC
    connections: int = 4
    patience: Patience = field(default_factory=Patience)
    token_file: Path | None = None
    on_failure: OnFailure = "set_aside"


def download_slide(file: GdcFile, output: Path, folder: Path, options: DownloadOptions) -> bool:
    """Download a slide; `output` appears only when its size and MD5 are right.

    Args:
        file: the slide's file at the GDC.
        output: where it goes. A slide that cannot be had leaves a text with the reason there, which sets it aside
            later, or nothing, as `options.on_failure` says.
        folder: for what is on the way, of this slide alone, on the file system of `output`; removed in the end.
            After an interruption it stays, and the next call goes on from it.
        options: how.

    Returns:
        Whether the slide is there; False when it is set aside.

    Raises:
        DownloadError: it cannot be had, and `options.on_failure` is "stop".
        ServerUnavailableError: the server is down or out of reach, which is no reason to set a slide aside.
        NoSpaceError: there is no room for it.
        TokenError: the token file cannot be used.
        GdcError: gdc-client was asked for and is not there.
    """
    token = read_token(options.token_file) if options.token_file else None
    program = _gdc_client(options.client)
    with only_one(folder.with_name(f".{folder.name}.lock"), f"downloading {output}"):
        if _is_there(output, file):  # another copy of this job has just put it there
            shutil.rmtree(folder, ignore_errors=True)
            return True
        return _download(file, output, folder, options, program, token)


def _is_there(output: Path, file: GdcFile) -> bool:
    if not output.exists():
        return False
    try:
        verify(output, file)
    except TransientError:
        return False
    return True


def _download(
    file: GdcFile, output: Path, folder: Path, options: DownloadOptions, program: Path | None, token: str | None
) -> bool:
    folder.mkdir(parents=True, exist_ok=True)
    output.parent.mkdir(parents=True, exist_ok=True)
    with GdcServer(options.server, options.patience, connections=options.connections, token=token) as server:
        try:
            with disk_errors(folder):
                fetched = _fetch(file, folder, server, program, options)
        except DownloadError as error:
            server.check_status()
            if options.on_failure == "stop":
                raise DownloadError(
                    f"{file.filename} could not be downloaded: {error}. Run again to go on from here, or set "
                    "acquire.on_failure to set_aside."
                ) from error
            _LOG.warning("set aside: %s could not be downloaded: %s", file.filename, error)
            write_placeholder(output, str(error))
            shutil.rmtree(folder)
            return False
    publish(fetched, output)
    shutil.rmtree(folder)
    return True


def _gdc_client(client: Client) -> Path | None:
    """Path of gdc-client when it is to be used."""
    if client == "https":
        return None
    program = shutil.which("gdc-client")
    if program is None and client == "gdc-client":
        raise GdcError("gdc-client is not on the PATH. Install it, or set acquire.client to auto or https.")
    return Path(program) if program else None


def _fetch(file: GdcFile, folder: Path, server: GdcServer, program: Path | None, options: DownloadOptions) -> Path:
    """The file, its bytes verified; what an earlier call left in the folder is gone on with."""
    partial = folder / f"{file.file_id}.partial"
    check_space(folder, file.size - _bytes_in(folder))
    # Where the built-in client has begun it goes on.
    if program is not None and not partial.exists():
        fetched = _fetch_by_gdc_client(file, folder, partial, program, options)
        if fetched is not None:
            return fetched
    return _fetch_by_https(file, partial, server, options)


def _fetch_by_gdc_client(
    file: GdcFile, folder: Path, partial: Path, program: Path, options: DownloadOptions
) -> Path | None:
    """The file, its bytes verified; where it is not, what gdc-client has is made that of the built-in client."""
    _LOG.info("%s: %d bytes from %s, by %s", file.filename, file.size, options.server, program)
    client = gdc_client.GdcClient(
        program=program,
        server=options.server,
        connections=options.connections,
        timeout_s=options.patience.timeout_s,
        token_file=options.token_file,
    )
    left = gdc_client.fetch(file, folder, client)
    taken = 0
    if left is not None:
        try:
            verify(left, file)
        except TransientError as error:
            _LOG.warning("by gdc-client %s", error)
            taken = take_over(left, partial, file.size, connections=options.connections)
        else:
            return left
    _LOG.info("gdc-client has fetched %d of %d bytes; the built-in client goes on from there", taken, file.size)
    shutil.rmtree(folder / file.file_id, ignore_errors=True)
    return None


def _fetch_by_https(file: GdcFile, partial: Path, server: GdcServer, options: DownloadOptions) -> Path:
    _LOG.info("%s: %d bytes from %s, by the built-in client", file.filename, file.size, server.url)
    for attempt in options.patience.attempts():
        with attempt:
            running = transfer.fetch(file, partial, server, connections=options.connections)
            try:
                verify(partial, file, running)
            except TransientError:
                # Which of the bytes are wrong cannot be known: none is kept.
                partial.unlink()
                progress_path(partial).unlink()
                raise
    return partial


def _bytes_in(folder: Path) -> int:
    """How much of the disk the files of a folder take."""
    return sum(path.stat().st_blocks * 512 for path in folder.rglob("*") if path.is_file())
