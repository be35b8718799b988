"""How scripts end: one line for what is known, and nothing half written."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from slidemill.machine import MachineTroubleError, check_readable, machine_trouble

WRITES = """
import sys, time
from pathlib import Path
from slidemill.atomic import atomic_path
from slidemill.command import run

def main():
    with atomic_path(Path(sys.argv[1])) as path:
        path.write_bytes(b"x" * int(sys.argv[2]))
        print("written", flush=True)
        time.sleep(float(sys.argv[3]))

run(main)
"""


def script(*arguments, program=WRITES, **options):
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", program, *map(str, arguments)], **(pipes | options))


@pytest.fixture
def small_disk(tmp_path):
    """A folder on a disk of one megabyte."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", folder], check=False)
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_a_full_disk_is_one_line_and_loses_nothing(small_disk):
    final = small_disk / "file.bin"
    final.write_bytes(b"old")
    with script(final, 2_000_000, 0) as process:
        told = process.communicate()[1]
    assert process.returncode == 1
    assert told == (
        "error: No space left on device. Make room on the disk and run again; nothing that was finished is lost.\n"
    )
    assert os.listdir(small_disk) == ["file.bin"]
    assert final.read_bytes() == b"old"


def test_a_log_on_the_full_disk_changes_nothing(small_disk):
    (small_disk / "rest").write_bytes(b"x" * 2**20)
    with (small_disk / "log").open("w") as log, script(small_disk / "file.bin", 10, 0, stderr=log) as process:
        pass
    assert process.returncode == 1
    assert sorted(os.listdir(small_disk)) == ["log", "rest"]


@pytest.mark.parametrize("number", [errno.EACCES, errno.EIO, errno.ESTALE, errno.EMFILE, errno.EROFS, errno.EDQUOT])
def test_trouble_of_the_machine_names_the_file_and_the_way_out(number):
    trouble = machine_trouble(OSError(number, os.strerror(number), "/mnt/slides/S-1.svs"))
    assert str(trouble).startswith(f"/mnt/slides/S-1.svs: {os.strerror(number)}. ")
    assert len(str(trouble)) > len(f"/mnt/slides/S-1.svs: {os.strerror(number)}. ") + 20
    assert "\n" not in str(trouble)


def test_what_a_library_quotes_of_the_system_is_trouble_of_the_machine_too():
    told = machine_trouble(
        OSError("Unable to write (errno = 28, error message = 'No space left on device')"), "m.keras"
    )
    assert str(told).startswith("m.keras: No space left on device. Make room")
    assert "too little memory" in str(machine_trouble(MemoryError()))


@pytest.mark.parametrize(
    "error", [FileNotFoundError(errno.ENOENT, "No such file"), ValueError("no"), OSError("broken")]
)
def test_a_bug_keeps_its_traceback(error):
    assert machine_trouble(error) is None


def test_an_unexpected_error_keeps_its_traceback(tmp_path):
    with script(tmp_path / "f", "no number", 0) as process:
        told = process.communicate()[1]
    assert process.returncode == 1
    assert "Traceback" in told
    assert "ValueError" in told


def test_a_script_that_is_asked_to_end_leaves_nothing_behind(tmp_path):
    with script(tmp_path / "f", 10, 600) as process:
        assert process.stdout.readline() == "written\n"
        process.send_signal(signal.SIGTERM)
        told = process.communicate(timeout=120)[1]
    assert process.returncode == 128 + signal.SIGTERM
    assert told == "error: ended by a signal\n"
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_the_machine_does_not_give(tmp_path, monkeypatch):
    with pytest.raises(MachineTroubleError, match=r"absent: No such file or directory\. "):
        check_readable(tmp_path / "absent")
    check_readable(Path(__file__))
