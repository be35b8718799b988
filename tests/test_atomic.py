import os
import signal
import subprocess
import sys

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


def test_a_killed_writer_never_leaves_a_part_under_the_final_name(tmp_path):
    final = tmp_path / "file.bin"
    program = (
        "import sys, time; from pathlib import Path; from slidemill.atomic import atomic_path\n"
        "with atomic_path(Path(sys.argv[1])) as path:\n"
        "    path.write_bytes(b'half'); print('written', flush=True); time.sleep(60)"
    )
    writer = subprocess.Popen([sys.executable, "-c", program, str(final)], stdout=subprocess.PIPE)
    assert writer.stdout is not None
    with writer.stdout:
        assert writer.stdout.readline() == b"written\n"
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert not final.exists()


def test_a_full_disk_keeps_the_old_file(tmp_path):
    if not os.path.exists("/dev/full"):
        pytest.skip("this system has no /dev/full")
    final = tmp_path / "file.bin"
    write_bytes(final, b"old")
    with pytest.raises(OSError, match="No space left"), atomic_path(final) as temporary:
        temporary.symlink_to("/dev/full")
        temporary.write_bytes(b"x" * 100_000)
    assert final.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["file.bin"]
