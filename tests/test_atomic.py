import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import pytest

from slidemill.atomic import atomic_path, write_bytes, write_text


def test_the_file_appears_when_the_block_ends_and_its_folder_is_made(tmp_path):
    final = tmp_path / "new" / "folder" / "file.bin"
    with atomic_path(final) as temporary:
        temporary.write_bytes(b"content")
        assert not final.exists()
        assert temporary.parent == final.parent
    assert final.read_bytes() == b"content"
    assert os.listdir(final.parent) == ["file.bin"]


@pytest.mark.parametrize("error", [RuntimeError, KeyboardInterrupt, SystemExit])
def test_an_error_leaves_the_old_file_and_nothing_else(tmp_path, error):
    final = tmp_path / "file.txt"
    write_text(final, "old")
    with pytest.raises(error), atomic_path(final) as temporary:
        temporary.write_text("half")
        raise error
    assert final.read_text() == "old"
    assert os.listdir(tmp_path) == ["file.txt"]


WRITER = """
import sys, time
from pathlib import Path
from slidemill.atomic import atomic_path
with atomic_path(Path(sys.argv[1])) as path:
    path.write_bytes(sys.argv[2].encode())
    print("written", flush=True)
    sys.stdin.readline()
"""


@contextmanager
def writer(final, content):
    """A process that has written a temporary file and waits for a line before it ends."""
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", WRITER, str(final), content], **pipes) as process:
        assert process.stdout.readline() == b"written\n"
        yield process
        process.kill()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_a_killed_writer_never_leaves_a_part_under_the_final_name(tmp_path):
    final = tmp_path / "file.bin"
    with writer(final, "half") as process:
        kill(process)
    assert not final.exists()


def test_the_next_writer_clears_what_killed_ones_have_left(tmp_path):
    final = tmp_path / "file.bin"
    with writer(final, "half") as one, writer(final, "another half") as other:
        assert len(os.listdir(tmp_path)) == 2
        kill(one)
        kill(other)
    assert len(os.listdir(tmp_path)) == 2
    write_bytes(final, b"whole")
    assert os.listdir(tmp_path) == ["file.bin"]
    assert final.read_bytes() == b"whole"


def test_writers_of_one_file_at_the_same_time_do_not_disturb_each_other(tmp_path):
    final = tmp_path / "file.bin"
    with writer(final, "first") as first, writer(final, "second") as second:
        write_bytes(final, b"third")
        assert final.read_bytes() == b"third"
        second.communicate(b"\n")
        assert (second.returncode, final.read_bytes()) == (0, b"second")
        first.communicate(b"\n")
        assert (first.returncode, final.read_bytes()) == (0, b"first")
    assert os.listdir(tmp_path) == ["file.bin"]


def test_many_writers_of_one_file(tmp_path):
    """Each renames while others look for a free name: nobody fails, and the file is always one of them."""
    final, sizes = tmp_path / "file.bin", [1000 * number for number in range(1, 9)]

    def write(size):
        for _ in range(40):
            write_bytes(final, bytes([size // 1000]) * size)
            content = final.read_bytes()
            assert len(content) == 1000 * content[0]
            assert len(set(content)) == 1

    with ThreadPoolExecutor(len(sizes)) as pool:
        list(pool.map(write, sizes))
    left = [name for name in os.listdir(tmp_path) if name != "file.bin"]
    assert left == []


@pytest.mark.parametrize(("age", "is_taken_over"), [(60, False), (10 * 24 * 3600, True)])
def test_without_locks_the_age_of_a_temporary_file_tells(tmp_path, monkeypatch, age, is_taken_over):
    def refuse(*_):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    final, other = tmp_path / "file.bin", tmp_path / ".0-file.bin"
    other.write_bytes(b"of another, or left behind")
    os.utime(other, (time.time() - age,) * 2)
    write_bytes(final, b"whole")
    assert final.read_bytes() == b"whole"
    assert other.exists() != is_taken_over


def test_a_full_disk_keeps_the_old_file(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    final = tmp_path / "file.bin"
    write_bytes(final, b"old")
    with pytest.raises(OSError, match="No space left"), atomic_path(final) as temporary:
        temporary.unlink()
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"x" * 100_000)
    assert final.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]
