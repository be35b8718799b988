"""Trouble of the machine is no fault of the slide: it fails, and sets nothing aside."""

import errno
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from openslide import OpenSlide, OpenSlideError

from slidemill.contents import slide_files
from slidemill.machine import MachineTroubleError
from slidemill.slides import UnreadableSlideError, open_slide

READERS = ("auto", "direct", "openslide")
TROUBLE = (errno.EACCES, errno.EIO, errno.ESTALE, errno.ENODEV, errno.ETIMEDOUT, errno.EMFILE)


def use(path, reader):
    with open_slide(path, reader) as slide:
        slide.overview(64)
        list(slide.map_tiles(lambda _, tile: tile.sum(), np.array([(0, 0), (200, 200)]), extent=256, size=128))


@pytest.fixture
def slide(draw_slide):
    return draw_slide("glands 20x 0.4x0.4mm")


def failing(number):
    """A function that fails as the system does."""

    def call(*_, **__):
        raise OSError(number, os.strerror(number))

    return call


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("number", TROUBLE)
def test_a_file_that_cannot_be_opened(slide, monkeypatch, reader, number):
    monkeypatch.setattr(Path, "open", failing(number))
    with pytest.raises(MachineTroubleError, match=rf"{slide.name}: {os.strerror(number)}\. "):
        use(slide, reader)


@pytest.mark.parametrize("number", TROUBLE)
def test_a_disk_that_fails_while_tiles_are_read(slide, monkeypatch, number):
    with pytest.raises(MachineTroubleError, match=os.strerror(number)), open_slide(slide, "direct") as opened:
        monkeypatch.setattr(os, "pread", failing(number))
        opened.overview(64)


def test_a_disk_that_fails_below_openslide_and_still_does(slide, monkeypatch):
    """OpenSlide tells of a read that failed in many words; reading the file again tells what it is."""

    def read_region(self, corner, level, size):
        monkeypatch.setattr(Path, "open", failing(errno.EIO))
        raise OpenSlideError("Cannot read TIFF tile")

    monkeypatch.setattr(OpenSlide, "read_region", read_region)
    with pytest.raises(MachineTroubleError, match="Input/output error"):
        use(slide, "openslide")


def test_a_disk_that_failed_below_openslide_for_a_moment(slide, monkeypatch):
    def read_region(self, corner, level, size):
        raise OpenSlideError("Couldn't read from file: Stale file handle")

    monkeypatch.setattr(OpenSlide, "read_region", read_region)
    with pytest.raises(MachineTroubleError, match="Stale file handle"):
        use(slide, "openslide")


def test_damaged_content_is_still_the_slides(slide, monkeypatch):
    def read_region(self, corner, level, size):
        raise OpenSlideError("Not a JPEG file: starts with 0x00 0x00")

    monkeypatch.setattr(OpenSlide, "read_region", read_region)
    with pytest.raises(UnreadableSlideError, match="Not a JPEG file"):
        use(slide, "openslide")


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_is_gone(tmp_path, reader):
    with pytest.raises(MachineTroubleError, match=r"s\.svs: No such file or directory\. Bring the file"):
        use(tmp_path / "s.svs", reader)


def test_all_files_of_a_slide_are_looked_at(tmp_path):
    (tmp_path / "m").mkdir()
    for name in ("m.mrxs", "m/Data0001.dat", "m/Data0000.dat", "other.mrxs", "m.svs"):
        (tmp_path / name).write_bytes(b"x")
    assert [file.name for file in slide_files(tmp_path / "m.mrxs")] == ["m.mrxs", "Data0000.dat", "Data0001.dat"]
    assert slide_files(tmp_path / "m.svs") == [tmp_path / "m.svs"]
    assert slide_files(tmp_path / "other.mrxs") == [tmp_path / "other.mrxs"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become another user")
@pytest.mark.parametrize("closed", ["file", "folder"])
@pytest.mark.parametrize("reader", READERS)
def test_a_right_that_is_missing(slide, tmp_path, closed, reader):
    """As another user, whom the system really refuses."""
    folder = tmp_path / "private"
    folder.mkdir()
    copy = folder / "S-1.svs"
    copy.write_bytes(slide.read_bytes())
    (copy if closed == "file" else folder).chmod(0)
    program = (
        "import os, sys\nfrom pathlib import Path\nfrom slidemill.slides import open_slide\n"
        "import slidemill.slides.openslide_reader\nfrom slidemill.command import run\n"
        "def main():\n    with open_slide(Path(sys.argv[1]), sys.argv[2]): pass\n"
        "os.setuid(12345)\nrun(main)\n"
    )
    for parent in tmp_path.parents:
        if parent.stat().st_uid == 0 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o055)
    done = subprocess.run([sys.executable, "-c", program, copy, reader], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith(f"error: {copy}: Permission denied. Give the user that runs the job the right to it")
    assert done.stderr.count("\n") == 1
