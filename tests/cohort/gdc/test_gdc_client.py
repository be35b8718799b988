"""What gdc-client is called with, what it may not do, and what becomes of what it leaves."""

import dataclasses
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slidemill.cohort.gdc.download import DownloadOptions, download_slide
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.patience import Patience

from ...local_gdc import LocalGdc, ServedFile, uuid_of
from ...waiting import eventually
from .conftest import PATIENCE_S, STAND_IN

SCRIPT = Path(__file__).parents[3] / "scripts" / "download_slide.py"
MEGABYTE = 1 << 20


@pytest.fixture
def download(gdc, served, gdc_client, tmp_path):
    def call(**changes):
        options = DownloadOptions(server=gdc.url, patience=Patience(3, PATIENCE_S, 0.01), on_failure="stop")
        options = dataclasses.replace(options, **changes)
        file = GdcFile(served.file_id, served.name, served.md5, served.size)
        assert download_slide(file, tmp_path / "slides" / "S.svs", tmp_path / "on-the-way", options)
        assert (tmp_path / "slides" / "S.svs").read_bytes() == served.path.read_bytes()
        assert not (tmp_path / "on-the-way").exists()

    return call


@pytest.fixture
def large_gdc(tmp_path):
    """A GDC with a file of 24 MB, which gdc-client fetches by several processes."""
    path = tmp_path / "at-the-gdc" / "large.svs"
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(random.Random(1).randbytes(24 * MEGABYTE))
    with LocalGdc([ServedFile(path, uuid_of(path.name))]) as server:
        yield server


@pytest.fixture
def start(large_gdc, gdc_client, tmp_path, start_program):
    """Starts the script that downloads the large file."""
    served = next(iter(large_gdc.files.values()))
    command = [sys.executable, SCRIPT, "--file-id", served.file_id, "--filename", served.name, "--md5", served.md5]
    command += ["--size", str(served.size), "--server", large_gdc.url, "--folder", tmp_path / "on-the-way"]
    command += ["--output", tmp_path / "S.svs", "--connections", "2", "--timeout", str(PATIENCE_S)]

    def call(**environment):
        return start_program(
            command, env=os.environ | environment, stderr=subprocess.PIPE, text=True, start_new_session=True
        )

    return call


def stand_ins(folder):
    """Processes of the stand-in that downloads to a folder: itself, its manager and workers."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            state = (process / "stat").read_text().rpartition(")")[2].split()[0]
        except OSError:  # ended meanwhile
            continue
        if {os.fsencode(STAND_IN), os.fsencode(folder)} <= set(words) and state != "Z":
            found.append(int(process.name))
    return found


@pytest.mark.parametrize("client", ["auto", "gdc-client"])
def test_it_is_used_where_it_is_installed(download, gdc, gdc_client, client):
    download(client=client, connections=7)
    (call,) = gdc_client.calls
    assert "--n-processes 7" in call
    assert "--save-interval 4194304" in call
    assert [request.range for request in gdc.data_requests()] == [None, "bytes=0-3000000"]  # both by gdc-client


def test_it_is_not_used_when_https_is_asked_for(download, gdc_client):
    download(client="https")
    assert gdc_client.calls == []


def test_a_small_file_comes_in_a_tar(gdc, served, download, gdc_client):
    served.path.write_bytes(b"small" * 1000)
    download()
    assert gdc.data_requests() == []


def test_without_an_md5_of_the_server_what_verifies_by_the_sheets_is_right(download, gdc):
    gdc.content_md5 = False
    download()
    assert len(gdc.data_requests()) == 2  # all of it came by gdc-client, which said that it had failed


@pytest.mark.parametrize("length", [88, 300])
def test_a_long_tmpdir_does_not_reach_its_sockets(download, gdc, tmp_path, monkeypatch, length):
    folder = tmp_path
    while len(str(folder)) < length:
        folder /= "temporary" * 5
    folder.mkdir(parents=True)
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr("tempfile.tempdir", None)
    download()
    assert len(gdc.data_requests()) == 2
    assert list(folder.iterdir()) == []


def test_where_it_gives_up_the_built_in_client_goes_on(download, gdc, gdc_client, served):
    gdc.faults.extend(["ignored by the first question", *["truncate"] * 6])
    download()
    assert len(gdc_client.calls) == 1
    last_of_its_own, first_of_ours = gdc.data_requests()[-2:]
    assert first_of_ours.first_byte > last_of_its_own.first_byte > 0.9 * served.size


def test_bytes_that_are_wrong_are_fetched_anew(download, gdc, served):
    gdc.faults.extend(["ignored by the first question", "corrupt"])
    download()
    assert gdc.data_requests()[-1].range is None


def test_where_the_built_in_client_has_begun_it_goes_on(download, gdc, gdc_client, served, tmp_path):
    gdc.faults.extend(["error 500", "truncate"])
    gdc.always = "error 500"
    with pytest.raises(Exception, match="the server answered 500"):
        download()
    gdc.always = None
    gdc.requests.clear()
    download()
    assert len(gdc_client.calls) == 1
    assert [request.first_byte for request in gdc.data_requests()] == [-(-served.size // 2)]


def test_the_token_goes_by_its_file_and_not_by_the_command_line(download, gdc, gdc_client, served, tmp_path, caplog):
    gdc.files[served.file_id] = dataclasses.replace(served, access="controlled")
    gdc.token = "secret"
    token = tmp_path / "token.txt"
    token.write_text("secret")
    token.chmod(0o600)
    download(token_file=token)
    assert f"--token-file {token}" in gdc_client.calls[0]
    assert "secret" not in gdc_client.calls[0] + caplog.text
    assert len(gdc.data_requests()) == 2


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_when_the_download_is_ended_nothing_of_it_lives_on(start, large_gdc, tmp_path, number):
    large_gdc.faults.extend(["stall"] * 3)
    process = start(TMPDIR=str(tmp_path))
    folder = tmp_path / "on-the-way"
    eventually(
        lambda: len(stand_ins(folder)) == 4 and len(large_gdc.data_requests()) == 3,
        "there are itself, a manager and two workers, and all have asked",
    )
    process.send_signal(number)
    process.communicate()
    assert process.returncode != 0
    eventually(lambda: not stand_ins(folder), "nothing of it lives on")


def test_one_that_falls_silent_is_ended_with_all_its_processes(download, gdc, tmp_path):
    gdc.faults.extend(["stall"] * 2)
    download(patience=Patience(3, 2.0, 0.01))
    eventually(lambda: not stand_ins(tmp_path / "on-the-way"), "nothing of it lives on")


def test_after_a_kill_it_goes_on_from_what_was_saved(start, large_gdc, tmp_path):
    served = next(iter(large_gdc.files.values()))
    large_gdc.faults.extend(["stall"] * 3)
    state = tmp_path / "on-the-way" / served.file_id / "logs" / f"{served.name}.parcel"
    process = start()
    eventually(lambda: state.exists() and state.stat().st_size > 350, "8 of its 24 pieces are saved")
    process.kill()
    process.communicate()
    eventually(lambda: not stand_ins(tmp_path / "on-the-way"), "nothing of it lives on")
    large_gdc.requests.clear()
    again = start()
    _, told = again.communicate()
    assert again.returncode == 0, told
    assert (tmp_path / "S.svs").read_bytes() == served.path.read_bytes()
    asked = [request.range.removeprefix("bytes=").split("-") for request in large_gdc.data_requests() if request.range]
    assert sum(int(last) + 1 - int(first) for first, last in asked) <= 16 * MEGABYTE
