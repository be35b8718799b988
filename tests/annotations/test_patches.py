"""Listed patches of a slide: cut, labelled, and counted for what learns from them."""

import logging

import pytest

from slidemill.annotations.decide import AnnotatedTiles, DecidedLabels, LabelRule
from slidemill.annotations.patch_lists import PatchListError, read_patch_lists
from slidemill.annotations.patches import tile_patches
from slidemill.errors import ConfigError
from slidemill.splits.patches import check_patches, count_patches
from slidemill.splits.table import SplitRow, read_splits, write_splits
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

CLASSES = ("normal", "tumour")
PARAMETERS = TilingParameters(mpp=0.5, tile_size=TilePixels(128), max_background=0.5, jpeg_quality=85)
ROWS = ["S,700,600,tumour", "S,701,600,normal", "S,64,64,normal", "S,3,300,tumour"]


@pytest.fixture(scope="module")
def slide(draw_slide):
    return draw_slide("glands 20x 0.9x0.8mm")


def cut(slide, folder, rows=ROWS):
    (folder / "list.csv").write_text("slide_id,x,y,class\n" + "".join(f"{row}\n" for row in rows))
    patches = read_patch_lists(folder / "list.csv", ["S"], CLASSES).slides["S"]
    source = SlideSource(path=slide, slide_id="S", patient_id="P")
    files = {"store": folder / "S.zarr.zip", "records": folder / "S.tfrecord"}
    tile_patches(source, PARAMETERS, patches, CLASSES, **files, labels=folder / "labels" / "S.zarr.zip")
    return read_store(files["store"])


def labels_of(folder, count):
    decided = DecidedLabels(folder / "labels", CLASSES, LabelRule(0.5, "normal"))
    return AnnotatedTiles(decided, folder, ()).of_slide("S", count).tolist()


def test_patches_have_the_class_of_their_row_and_what_is_lost_is_told(slide, tmp_path, caplog):
    with caplog.at_level(logging.WARNING):
        store = cut(slide, tmp_path)
    of_place = dict(zip(map(tuple, store.coordinates.tolist()), labels_of(tmp_path, 3), strict=True))
    assert of_place == {(700 - 64, 600 - 64): 1, (701 - 64, 600 - 64): 0, (0, 0): 0}
    assert "S: 1 of 4 patches reach over the edge of the slide and are left out" in caplog.text
    assert "S: 1 of 4 patches have more background than tiling.max_background; they are kept" in caplog.text


def test_a_middle_outside_the_slide_is_refused_with_its_line(slide, tmp_path):
    with pytest.raises(PatchListError, match=r"list.csv, line 3: \(500, 90000\) lies outside slide 'S' of \d+ x \d+"):
        cut(slide, tmp_path, ["S,700,600,tumour", "S,500,90000,normal"])


def test_a_slide_that_cannot_be_read_has_no_patches(tmp_path):
    (tmp_path / "broken.svs").write_bytes(b"no slide")
    store = cut(tmp_path / "broken.svs", tmp_path)
    assert store.summary.status == "set_aside"
    assert labels_of(tmp_path, 0) == []


def test_the_counts_of_patches_stand_in_the_place_of_those_of_tiles(slide, tmp_path):
    cut(slide, tmp_path)
    rows = [
        SplitRow("S", "P", "tumour", "", "train", 999, "usable", ""),
        SplitRow("T", "Q", "normal", "", "validation", 999, "usable", ""),
    ]
    write_splits(tmp_path / "splits.tsv", rows)
    count_patches(tmp_path / "splits.tsv", tmp_path, tmp_path / "patches.tsv", exclude=())
    assert [(row.slide_id, row.split, row.tile_count) for row in read_splits(tmp_path / "patches.tsv")] == [
        ("S", "train", 3),
        ("T", "validation", 0),
    ]
    write_splits(tmp_path / "splits.tsv", [SplitRow("S", "P", "tumour", "", "test", 999, "usable", "")])
    count_patches(tmp_path / "splits.tsv", tmp_path, tmp_path / "patches.tsv", exclude=())
    assert read_splits(tmp_path / "patches.tsv")[0].tile_count == 0  # nothing is learned from a test slide


def test_each_class_needs_patches_to_learn_and_to_validate_on():
    counts = {"a": {"normal": 3, "tumour": 1}, "b": {"normal": 2, "tumour": 0}}
    check_patches(counts, {"a": "train", "b": "validation"}, ["normal"])
    with pytest.raises(ConfigError, match="no patch of 'tumour' is on a slide of the split 'validation'"):
        check_patches(counts, {"a": "train", "b": "validation"}, CLASSES)
    with pytest.raises(ConfigError, match="no patch of 'normal' is on a slide of the split 'train'"):
        check_patches(counts, {"a": "test", "b": "validation", "c": "train"}, CLASSES)


def test_the_same_slide_gives_the_same_bytes(slide, tmp_path):
    cut(slide, tmp_path)
    names = ("S.zarr.zip", "S.tfrecord", "labels/S.zarr.zip")
    first = [(tmp_path / name).read_bytes() for name in names]
    cut(slide, tmp_path, ROWS[::-1])
    assert [(tmp_path / name).read_bytes() for name in names] == first
