"""Slides that stay open: few, never one that is in use, and none of a file that was replaced."""

import threading

import pytest

from slidemill.slides import UnreadableSlideError, open_slide
from slidemill.viewing import open_slides
from slidemill.viewing.open_slides import OpenSlides, SlideGoneError

from ..slides.tiff_cases import texture, write
from .conftest import JPEG, LZW


@pytest.fixture(scope="module")
def slides(tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    first = write(folder / "0.tiff", JPEG, [texture(256, 256)])
    paths = [folder / f"{number}.tiff" for number in range(100)]
    for path in paths[1:]:
        path.write_bytes(first.read_bytes())
    return paths


@pytest.fixture
def opened(monkeypatch):
    """Counts slides that are open, and how often one was opened."""
    counts = {"open": 0, "most": 0, "times": 0}

    class Counted:
        def __init__(self, path, reader):
            self._slide = open_slide(path, reader)

        def __enter__(self):
            reader = self._slide.__enter__()
            counts["open"] += 1
            counts["times"] += 1
            counts["most"] = max(counts["most"], counts["open"])
            return reader

        def __exit__(self, *error):
            counts["open"] -= 1
            return self._slide.__exit__(*error)

    monkeypatch.setattr(open_slides, "open_slide", Counted)
    return counts


def test_of_a_hundred_slides_few_stay_open(slides, opened):
    own = OpenSlides(most=5)
    for path in slides:
        with own.borrowed(path) as slide:
            assert slide.pyramid.jpeg(0, 0, 0)
    assert (opened["open"], opened["most"], opened["times"]) == (5, 6, 100)
    with own.borrowed(slides[-1]):
        pass
    assert opened["times"] == 100
    own.close()
    assert opened["open"] == 0


def test_pictures_without_tiles_count_by_their_pixels(slides, opened, monkeypatch):
    monkeypatch.setattr(open_slides, "_HANDLE_BYTES", 100)
    own = OpenSlides(most=50, most_bytes=350)
    for path in slides[:10]:
        with own.borrowed(path):
            pass
    assert opened["open"] == 3


def test_a_slide_in_use_stays_open(slides, opened):
    own = OpenSlides(most=1)
    with own.borrowed(slides[0]) as first:
        for path in slides[1:4]:
            with own.borrowed(path):
                pass
        own.close()
        assert first.pyramid.jpeg(0, 1, 1)
    assert opened["open"] == 0


def test_a_file_that_was_replaced_is_opened_anew_and_the_old_one_closed(tmp_path, opened):
    path = write(tmp_path / "S.tiff", JPEG)
    own = OpenSlides()
    with own.borrowed(path) as before:
        other = write(tmp_path / "other.tiff", LZW, [texture(300, 300)])
        other.replace(path)
        with own.borrowed(path) as after:
            assert (before.reader.properties.width, after.reader.properties.width) == (700, 300)
    assert opened["open"] == 1
    path.unlink()
    with pytest.raises(SlideGoneError), own.borrowed(path):
        pass
    assert opened["open"] == 0


def test_a_file_that_is_no_slide_is_asked_again(tmp_path):
    path = tmp_path / "S.tiff"
    path.write_bytes(b"no slide at all")
    own = OpenSlides()
    for _ in range(2):
        with pytest.raises(UnreadableSlideError), own.borrowed(path):
            pass
    path.unlink()
    write(path, JPEG)
    with own.borrowed(path) as slide:
        assert slide.pyramid.tile_size == 128


def test_threads_that_want_the_same_slide_open_it_once(slides, opened):
    own = OpenSlides(most=3)
    barrier = threading.Barrier(8)
    found = []

    def read(path):
        barrier.wait()
        for _ in range(20):
            with own.borrowed(path) as slide:
                found.append(slide.pyramid.jpeg(0, 1, 0))

    threads = [threading.Thread(target=read, args=(slides[number % 2],)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert opened["times"] == 2
    assert len(found) == 160
    assert len(set(found)) == 1
