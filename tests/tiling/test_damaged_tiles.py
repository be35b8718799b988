"""A slide loses the tiles that are damaged, and is set aside only when too many are."""

import numpy as np
import pytest

from slidemill.records import parse_example, read_records
from slidemill.slides import UnreadableSlideError, open_slide
from slidemill.slides.tiff_file import open_tiff
from slidemill.slides.tiff_slide import read_tiff_slide
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

RECIPE = "nests 20x 1.1x1.1mm"
SIZE = 256
READERS = ("direct", "openslide")


def damage(sound, path, *places, level=0):
    """Copy a slide with source tiles (column, row) overwritten by zeros; gives its level-0 rectangles."""
    path.write_bytes(sound.read_bytes())
    with open_tiff(sound) as file, path.open("r+b") as copy:
        found = read_tiff_slide(file).levels[level]
        rectangles = []
        for column, row in places:
            index = row * found.columns + column
            copy.seek(int(found.offsets[index]))
            copy.write(bytes(int(found.counts[index])))
            left, top = column * found.tile_width * found.downsample, row * found.tile_height * found.downsample
            width, height = found.tile_width * found.downsample, found.tile_height * found.downsample
            rectangles.append((left, top, left + width, top + height))
    return rectangles


def touches(corners, rectangles, extent=SIZE):
    """(tiles,) bool, which squares meet one of the rectangles."""
    x, y = np.asarray(corners).T
    return np.any(
        [
            (x < right) & (x + extent > left) & (y < bottom) & (y + extent > top)
            for left, top, right, bottom in rectangles
        ],
        axis=0,
    )


def cut(slide, folder, **changes):
    folder.mkdir(exist_ok=True)
    parameters = TilingParameters(0.5, TilePixels(SIZE), max_background=0.5, jpeg_quality=85, **changes)
    source = SlideSource(slide, "S", "P")
    summary = tile_slide(source, parameters, records=folder / "s.tfrecord", store=folder / "s.zarr.zip")
    jpegs = {
        (example["tile/x"], example["tile/y"]): example["image/encoded"]
        for example in map(parse_example, read_records(folder / "s.tfrecord"))
    }
    return summary, read_store(folder / "s.zarr.zip"), jpegs


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize("reader", READERS)
def test_squares_on_damage_are_told_and_all_others_are_read(draw_slide, tmp_path, reader, threads):
    sound, path = draw_slide(RECIPE), tmp_path / "s.svs"
    rectangles = damage(sound, path, (3, 3), (5, 4))
    corners = np.array([(x, y) for y in range(0, 1800, 150) for x in range(0, 1800, 150)])
    options = {"extent": 150, "size": 150, "threads": threads}
    with open_slide(sound, reader) as slide:
        expected = list(slide.map_tiles(lambda _, pixels: pixels.copy(), corners, **options))
    with open_slide(path, reader) as slide:
        found = list(slide.map_tiles(lambda _, pixels: pixels.copy(), corners, damaged=lambda *_: None, **options))
        with pytest.raises(UnreadableSlideError):
            list(slide.map_tiles(lambda _, pixels: None, corners, **options))
    is_damaged = np.array([pixels is None for pixels in found])
    np.testing.assert_array_equal(is_damaged, touches(corners, rectangles, 150))
    assert 4 <= is_damaged.sum() < len(corners) / 2
    for ours, theirs in zip(found, expected, strict=True):
        if ours is not None:
            np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("reader", READERS)
def test_only_the_damaged_tile_is_lost(draw_slide, tmp_path, reader):
    sound, path = draw_slide(RECIPE), tmp_path / "s.svs"
    _, _, expected = cut(sound, tmp_path / "sound", reader=reader)
    x, y = sorted(expected)[len(expected) // 2]
    rectangles = damage(sound, path, (x // SIZE, y // SIZE))
    summary, store, found = cut(path, tmp_path / "damaged", reader=reader)
    assert (summary.status, summary.damaged_count, summary.flags) == ("usable", len(store.damaged), ("damaged",))
    assert touches(store.damaged, rectangles).all()
    lost = set(expected) - set(found)
    assert lost == {*map(tuple, store.damaged.tolist())} & set(expected)
    assert 1 <= len(lost) <= 4
    assert all(found[corner] == expected[corner] for corner in found)


def test_too_much_damage_sets_the_slide_aside_and_the_limit_is_yours(draw_slide, tmp_path):
    sound, path = draw_slide(RECIPE), tmp_path / "s.svs"
    damage(sound, path, *((column, row) for row in range(1, 6) for column in (2, 4)))
    summary, store, found = cut(path, tmp_path / "aside")
    assert summary.status == "set_aside"
    assert "tissue tiles cannot be decoded, more than tiling.max_damaged (10%). Fetch it again" in summary.reason
    assert not found
    assert len(store.coordinates) == 0
    summary, _, found = cut(path, tmp_path / "used", max_damaged=0.9)
    assert (summary.status, summary.tile_count) == ("usable", len(found))
    assert summary.damaged_count >= 4


@pytest.mark.slow
@pytest.mark.parametrize("reader", READERS)
def test_a_damaged_overview_hides_no_tissue(draw_slide, tmp_path, reader):
    sound, path = draw_slide("nests 40x 1.8x1.6mm"), tmp_path / "s.svs"
    _, _, expected = cut(sound, tmp_path / "sound", reader=reader)
    damage(sound, path, (1, 1), (2, 1), level=1)
    summary, _, found = cut(path, tmp_path / "damaged", reader=reader)
    assert summary.status == "usable"
    assert len(set(expected) & set(found)) >= 0.97 * len(expected)


@pytest.mark.parametrize("reader", READERS)
def test_pictures_of_a_damaged_slide_are_drawn(draw_slide, tmp_path, reader):
    path = tmp_path / "s.svs"
    rectangles = damage(draw_slide(RECIPE), path, (3, 3))
    with open_slide(path, reader) as slide:
        damaged = []
        picture = slide.overview(slide.properties.width // 2, damaged=damaged)
        left, top, right, bottom = (int(side) // 2 for side in rectangles[0])
        if damaged:  # read from level 0
            assert (picture[top + 2 : bottom - 2, left + 2 : right - 2] == 255).all()
        assert picture.min() < 200
