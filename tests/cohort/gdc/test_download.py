"""Every fault of the server ends with the right bytes on disk, or with a clear message and no file, by both clients."""

import dataclasses
import os
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from slidemill.cohort.gdc import space, transfer
from slidemill.cohort.gdc.errors import (
    DownloadError,
    GdcError,
    NoSpaceError,
    ServerUnavailableError,
)
from slidemill.cohort.gdc.patience import Patience
from slidemill.slides import SlideNotDownloadedError, open_slide

from ...local_gdc import FAULTS
from .conftest import PATIENCE_S, WAYS

# Something comes with each try, so that in the end all of it is there; a server without ranges gives it at once.
PATIENCE_HELPS = {"truncate", "stall", "length too short", "length too long", "ignore range"}


def on_the_way(tmp_path):
    return sorted(path.name for path in tmp_path.glob("on-the-way/*"))


def patience_with(fault):
    """Little of it where the server falls silent, and for as often as a slow machine makes it seem so."""
    silent = fault == "stall"
    return Patience(tries=10_000 if silent else 3, timeout_s=0.15 if silent else PATIENCE_S, first_wait_s=0.005)


def test_the_bytes_are_right_and_nothing_else_is_left(download, gdc, served, output, tmp_path, by_https, connections):
    assert download()
    assert output.read_bytes() == served.path.read_bytes()
    assert os.listdir(output.parent) == ["S.svs"]
    assert not (tmp_path / "on-the-way").exists()
    assert len(gdc.data_requests()) == (connections if by_https else 2)  # gdc-client asks for the size before


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_that_passes_ends_with_the_right_bytes(download, gdc, served, output, fault):
    gdc.faults.extend([fault, fault])
    assert download(patience=patience_with(fault))
    assert output.read_bytes() == served.path.read_bytes()
    if fault == "error 500":
        assert not gdc.faults


@pytest.mark.slow
@pytest.mark.parametrize("fault", sorted(PATIENCE_HELPS))
def test_a_fault_that_stays_but_gives_something_ends_with_the_right_bytes(
    download, gdc, served, output, by_https, fault
):
    if by_https or fault != "stall":
        gdc.always = fault
    else:
        gdc.faults.extend([fault] * 4)  # each takes seconds
    assert download(patience=patience_with(fault))
    assert output.read_bytes() == served.path.read_bytes()


@pytest.mark.parametrize("fault", ["corrupt", "error 500", "error 503", "busy", "drop"])
def test_a_fault_that_stays_ends_with_a_message_and_no_file(download, gdc, output, fault, tmp_path):
    gdc.always = fault
    with pytest.raises(DownloadError) as caught:
        download()
    assert str(caught.value).startswith("TCGA-05-4244-01A-01-TS1.svs could not be downloaded: ")
    assert "Run again to go on from here" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert not output.exists()
    assert bool(on_the_way(tmp_path)) == (fault != "corrupt")


def test_copies_of_the_job_at_the_same_time_fetch_it_once(
    download, gdc, served, output, tmp_path, by_https, connections
):
    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(lambda _: download(), range(3))) == [True] * 3
    assert output.read_bytes() == served.path.read_bytes()
    assert len(gdc.data_requests()) == (connections if by_https else 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["at-the-gdc", "bin", "slides"]


def test_a_server_that_answers_with_other_ranges_is_not_believed(download, gdc, output, served, way):
    gdc.always = "wrong range"
    if way in (WAYS["https 1"], WAYS["gdc-client"]):  # no range is asked for, or one that cannot begin earlier
        assert download()
        assert output.read_bytes() == served.path.read_bytes()
        return
    with pytest.raises(DownloadError, match=r"asked for the bytes from \d+ on, the answer has bytes \d+-\d+/3000001"):
        download()


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        ("corrupt", "has MD5 "),
        ("error 500", "the server answered 500"),
        ("busy", "the server answered 429"),
        ("drop", "Remote end closed connection without response"),
    ],
)
def test_what_is_told(download, gdc, fault, told):
    gdc.always = fault
    with pytest.raises(DownloadError, match=told):
        download()


def test_a_slide_that_cannot_be_had_is_set_aside_with_its_reason(download, gdc, output, tmp_path):
    gdc.always = "corrupt"
    assert not download(on_failure="set_aside")
    told = pytest.raises(SlideNotDownloadedError, match=r"^S could not be downloaded: .* has MD5 .*, expected ")
    with told, open_slide(output):
        pass
    assert not (tmp_path / "on-the-way").exists()


def test_a_slide_that_was_set_aside_can_be_had_later(download, gdc, served, output):
    gdc.always = "corrupt"
    assert not download(on_failure="set_aside")
    gdc.always = None
    assert download(on_failure="set_aside")
    assert output.read_bytes() == served.path.read_bytes()


@pytest.mark.parametrize("on_failure", ["set_aside", "stop"])
def test_a_server_that_is_down_sets_no_slide_aside(download, gdc, output, on_failure):
    gdc.always, gdc.status = "error 503", "maintenance"
    with pytest.raises(ServerUnavailableError, match="says that its status is 'maintenance'"):
        download(on_failure=on_failure)
    gdc.__exit__()
    with pytest.raises(ServerUnavailableError, match=r"cannot be used now .*refused"):
        download(on_failure=on_failure)
    assert not output.exists()
    gdc.__enter__()


def test_a_file_that_the_server_does_not_know(download, file, gdc, by_https):
    gdc.files.clear()
    with pytest.raises(DownloadError, match=r"answered 404 Not Found. Correct its file_id"):
        download()
    if by_https:
        assert len({request.range for request in gdc.data_requests()}) == len(gdc.data_requests())  # asked once
    else:
        assert len(gdc.data_requests()) <= 1 + 3  # once by gdc-client


def test_retry_after_is_honoured(download, gdc):
    gdc.always = "busy"
    gdc.retry_after = "100000"
    with pytest.raises(DownloadError, match=r"it asks to wait 100000 s. Run again later"):
        download()


@pytest.mark.parametrize("wrong", [{"size": 3_000_000}, {"size": 3_000_002}, {"md5": "0" * 32}])
def test_a_manifest_that_is_wrong(download, file, wrong, output):
    with pytest.raises(DownloadError):
        download(dataclasses.replace(file, **wrong))
    assert not output.exists()


def test_what_an_earlier_run_fetched_is_not_fetched_again(
    download, gdc, served, file, output, by_https, connections, tmp_path
):
    gdc.faults.extend(["truncate"] * connections)
    gdc.always = "error 500"
    if by_https:  # each connection has its own before one of them comes again
        first, together = threading.Semaphore(connections), threading.Barrier(connections)
        gdc.before_bytes = lambda: first.acquire(blocking=False) and together.wait()
    with pytest.raises(DownloadError):
        download()
    progress = tmp_path / "on-the-way" / f"{file.file_id}.partial.progress"
    reached = [int(line.split()[1]) for line in progress.read_text().splitlines()]
    if by_https:
        assert len(reached) == connections
    assert reached[0] >= served.size // connections // 2
    gdc.always = None
    gdc.requests.clear()
    assert download()
    assert output.read_bytes() == served.path.read_bytes()
    assert sorted(request.first_byte for request in gdc.data_requests()) == reached


def traces_of(*parts):
    return "".join("{:020d} {:020d} {:020d}\n".format(*part) for part in parts).encode()


@pytest.mark.parametrize(
    "traces",
    [
        b"",
        b"nonsense\n",
        traces_of((0, 99_999_999, 3_000_001)),
        traces_of((0, 5, 3_000_000)),
        traces_of((0, 5, 1_000_000), (1_000_001, 1_000_001, 3_000_001)),
        traces_of((0, 5, 1_000_000), (1_000_000, 1_000_001, 3_000_001)),
        traces_of((0, 5, 3_000_001))[:-1],
    ],
)
def test_traces_that_make_no_sense_are_not_believed(download, served, file, output, tmp_path, traces):
    (tmp_path / "on-the-way").mkdir()
    (tmp_path / "on-the-way" / f"{file.file_id}.partial").write_bytes(b"x" * 100)
    (tmp_path / "on-the-way" / f"{file.file_id}.partial.progress").write_bytes(traces)
    assert download()
    assert output.read_bytes() == served.path.read_bytes()


def test_wrong_bytes_of_an_earlier_run_are_found_and_fetched_anew(download, served, file, output, tmp_path):
    (tmp_path / "on-the-way").mkdir()
    (tmp_path / "on-the-way" / f"{file.file_id}.partial").write_bytes(bytes(file.size))
    (tmp_path / "on-the-way" / f"{file.file_id}.partial.progress").write_bytes(traces_of((0, file.size, file.size)))
    assert download()
    assert output.read_bytes() == served.path.read_bytes()


def test_no_room_is_told_before_anything_is_asked_for(download, gdc, monkeypatch):
    monkeypatch.setattr(space.shutil, "disk_usage", lambda folder: os.terminal_size((0, 0)) and _Usage(1_000_000))
    with pytest.raises(NoSpaceError, match="3000001 bytes are needed and 1000000 bytes are free, 2000001 bytes too"):
        download(on_failure="set_aside")
    assert gdc.data_requests() == []


@dataclasses.dataclass
class _Usage:
    free: int


def test_a_disk_that_becomes_full_sets_nothing_aside(download, gdc, output, by_https, monkeypatch):
    if not by_https:
        gdc.faults.append("error 500")  # so that all is left to the built-in client; test_full_disk.py has a real disk
    monkeypatch.setattr(transfer.RangedFile, "write", _full)
    with pytest.raises(NoSpaceError, match="the disk or your quota is full"):
        download(on_failure="set_aside")
    assert not output.exists()


def _full(*_):
    raise OSError(28, "No space left on device")


def test_an_address_that_is_none(download):
    with pytest.raises(GdcError, match=r"Correct acquire.server"):
        download(server="api.gdc.cancer.gov")


def test_gdc_client_that_is_not_there(download, monkeypatch):
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(GdcError, match="gdc-client is not on the PATH"):
        download(client="gdc-client")
    assert download(client="auto")
