"""What a file holds decides, and neither where it lies nor when it was touched."""

import os
import shutil

import pytest

from slidemill.contents import KnownContents, sampled, slide_files

LARGE = 5_000_000


@pytest.fixture
def slide(tmp_path):
    path = tmp_path / "slides" / "S-1.svs"
    path.parent.mkdir()
    path.write_bytes(os.urandom(1000) * (LARGE // 1000))
    return path


@pytest.fixture
def known(tmp_path):
    """Each call is another process with the same memory."""

    def of(path, *, name="S-1", in_doubt=False):
        contents = KnownContents(tmp_path / "memory" / "contents.json", lambda _: in_doubt)
        contents.read({name: path})
        return contents.of(name, path)

    return of


def touch(path, seconds):
    os.utime(path, (path.stat().st_mtime + seconds,) * 2)


def test_a_file_that_was_touched_moved_renamed_or_copied_is_the_same(known, slide, tmp_path):
    before = known(slide)
    touch(slide, 1000)
    assert known(slide) == before
    elsewhere = tmp_path / "elsewhere.svs"
    slide.rename(elsewhere)
    assert known(elsewhere) == before
    copied = tmp_path / "copied.svs"
    shutil.copy(elsewhere, copied)
    assert known(copied) == before


@pytest.mark.parametrize("seconds", [1000, 0, -(10**6)])
def test_another_file_in_its_place_is_another_whatever_its_time(known, slide, seconds):
    before, time = known(slide), slide.stat().st_mtime
    slide.write_bytes(os.urandom(1000) * (LARGE // 1000))  # of the same size
    os.utime(slide, (time + seconds,) * 2)
    assert known(slide) != before


@pytest.mark.parametrize("kept", [LARGE - 1, LARGE // 2, 100, 0])
def test_a_file_that_was_cut_short_is_another(slide, kept):
    before = sampled(slide)
    os.truncate(slide, kept)
    assert sampled(slide) != before


def test_every_byte_of_a_small_file_counts(tmp_path):
    path = tmp_path / "small"
    content = bytearray(os.urandom(100_000))
    found = set()
    for place in (0, 1, 49_999, 99_999):
        content[place] ^= 1
        path.write_bytes(content)
        found.add(sampled(path))
    assert len(found) == 4


def repair(path, content=b"repaired"):
    """Change a few bytes where no sample is taken, and with them the file's time."""
    with path.open("r+b") as file:
        file.seek(LARGE // 14)
        file.write(content)
    touch(path, 1000)


def read_whole(tmp_path, slide):
    contents = KnownContents(tmp_path / "memory" / "contents.json")
    contents.read_whole("S-1", slide)
    contents.save_changes()


def test_every_byte_of_a_file_in_doubt_counts(known, slide, tmp_path):
    before = known(slide)
    read_whole(tmp_path, slide)
    touch(slide, 1000)
    assert known(slide, in_doubt=True) == before
    repair(slide)
    assert known(slide) == before  # without doubt it is not seen
    repair(slide, b"again")
    repaired = known(slide, in_doubt=True)
    assert repaired != before
    touch(slide, 1000)
    assert known(slide, in_doubt=True) == known(slide) == repaired


def test_a_file_in_doubt_that_was_never_read_whole_is_new_once_when_it_is_touched(known, slide):
    before = known(slide)
    touch(slide, 1000)
    touched = known(slide, in_doubt=True)
    assert touched != before
    touch(slide, 1000)
    assert known(slide, in_doubt=True) == touched


def test_moving_a_file_in_doubt_is_no_change(known, slide, tmp_path):
    before = known(slide)
    elsewhere = tmp_path / "elsewhere.svs"
    shutil.copy2(slide, elsewhere)
    assert known(elsewhere, in_doubt=True) == before


def test_files_are_read_once(known, slide, monkeypatch):
    before = known(slide)
    monkeypatch.setattr("slidemill.contents.sampled", lambda _: pytest.fail("read again"))
    assert known(slide) == before


@pytest.mark.parametrize("memory", [b"", b"{}", b"[1]", b'{"format": 1, "files": 3}', b"\xff\xfe"])
def test_a_damaged_memory_is_no_memory(tmp_path, known, slide, memory):
    before = known(slide)
    (tmp_path / "memory" / "contents.json").write_bytes(memory)
    assert known(slide) == before


def test_all_files_of_a_slide_count(tmp_path):
    slide, data = tmp_path / "m.mrxs", tmp_path / "m" / "Data0000.dat"
    data.parent.mkdir()
    slide.write_bytes(b"index")
    data.write_bytes(b"pixels")
    assert slide_files(slide) == [slide, data]
    before = sampled(slide)
    data.write_bytes(b"others")
    assert sampled(slide) != before


def test_a_file_that_cannot_be_read_is_told(known, tmp_path):
    with pytest.raises(FileNotFoundError):
        known(tmp_path / "absent.svs")
