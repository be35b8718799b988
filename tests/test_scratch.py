"""Copies on a local disk."""

import pytest

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
