"""Copies on a local disk."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import pytest

from slidemill.machine import MachineTroubleError
from slidemill.scratch import ScratchError, slide_on_scratch


@pytest.fixture
def slide(tmp_path):
    path = tmp_path / "S-1.svs"
    path.write_bytes(b"pixels")
    return path


@pytest.fixture
def scratch(tmp_path, monkeypatch):
    folder = tmp_path / "scratch"
    folder.mkdir()
    monkeypatch.setenv("MY_SCRATCH", str(folder))
    return folder


def test_the_copy_is_there_for_the_block_only(slide, scratch):
    with slide_on_scratch(slide, "$MY_SCRATCH") as copy:
        assert copy.read_bytes() == b"pixels"
        assert copy.name == slide.name
        assert scratch in copy.parents
    assert list(scratch.iterdir()) == []
    assert slide.exists()


def test_the_copy_goes_also_when_the_block_raises(slide, scratch):
    with pytest.raises(KeyboardInterrupt), slide_on_scratch(slide, str(scratch)):
        raise KeyboardInterrupt
    assert list(scratch.iterdir()) == []


def test_two_jobs_do_not_share_a_copy(slide, scratch):
    with slide_on_scratch(slide, str(scratch)) as one, slide_on_scratch(slide, str(scratch)) as other:
        assert one != other


COPIER = """
import sys, time
from pathlib import Path
from slidemill.scratch import slide_on_scratch
with slide_on_scratch(Path(sys.argv[1]), sys.argv[2]) as copy:
    print(copy, flush=True)
    time.sleep(600)
"""


def test_the_copy_of_a_killed_job_is_cleared_and_that_of_a_living_one_is_not(
    slide, scratch, monkeypatch, start_program
):
    monkeypatch.setattr("slidemill.scratch._NEW_SECONDS", -1)
    copiers = [
        start_program([sys.executable, "-c", COPIER, slide, scratch], stdout=subprocess.PIPE, text=True)
        for _ in range(2)
    ]
    killed, living = (Path(copier.stdout.readline().strip()) for copier in copiers)
    copiers[0].kill()
    copiers[0].wait()
    assert killed.exists()
    with slide_on_scratch(slide, str(scratch)):
        assert not killed.parent.exists()
        assert living.exists()


def test_a_slide_that_the_machine_does_not_give_is_no_fault_of_the_folder(slide, scratch, monkeypatch):
    def refuse(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr("shutil.copyfile", refuse)
    with pytest.raises(ScratchError, match="could not be copied there"), slide_on_scratch(slide, str(scratch)):
        pass
    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(MachineTroubleError, match="Input/output error"), slide_on_scratch(slide, str(scratch)):
        pass


@pytest.mark.parametrize("name", ["S-1.mrxs", "absent.svs"])
def test_slides_of_many_files_and_absent_ones_are_left_where_they_lie(tmp_path, scratch, name):
    path = tmp_path / name
    if name.endswith("mrxs"):
        path.write_bytes(b"one of many")
    with slide_on_scratch(path, str(scratch)) as given:
        assert given == path


def test_no_scratch_no_copy(slide):
    with slide_on_scratch(slide, None) as given:
        assert given == slide


@pytest.mark.parametrize(("folder", "reason"), [("$NOT_SET_ANYWHERE", "not set"), ("/no/such/folder", "No such file")])
def test_a_folder_that_cannot_be_used_is_told(slide, folder, reason):
    with pytest.raises(ScratchError, match=reason), slide_on_scratch(slide, folder):
        pass
