import errno
import os
from dataclasses import replace

import numpy as np
import openslide
import pytest
import simplejpeg

from slidemill.machine import MachineTroubleError
from slidemill.records import parse_example, read_record, read_records
from slidemill.slides.synthetic.sticker import STICKER_COLOUR
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_record_places, read_store, read_summary
from slidemill.units import TilePixels

SMALL_TILES = TilingParameters(mpp=0.5, tile_size=TilePixels(256), max_background=0.5, jpeg_quality=85)


def cut(slide, folder, parameters=SMALL_TILES, **source):
    records, store = folder / "s.tfrecord", folder / "s.zarr.zip"
    summary = tile_slide(
        SlideSource(path=slide, slide_id="S", patient_id="P", **source), parameters, records=records, store=store
    )
    return summary, records, store


@pytest.mark.parametrize("recipe", ["glands 20x 0.9x0.8mm", "glands 40x 0.9x0.8mm"])
def test_store_and_records_agree(draw_slide, tmp_path, recipe):
    summary, records, path = cut(draw_slide(recipe), tmp_path)
    store = read_store(path)
    assert summary == store.summary == read_summary(path)
    assert summary.status == "usable"
    assert 0 < summary.tile_count == len(store.coordinates) < summary.grid_count
    assert (store.tissue_fraction >= 0.5).all()
    assert summary.tile_extent == (256 if "20x" in recipe else 512)
    with records.open("rb") as file:
        by_place = [
            read_record(records, file, offset=offset, length=length)
            for offset, length in read_record_places(path).tolist()
        ]
    assert by_place == list(read_records(records))
    for example, (x, y), fraction in zip(
        map(parse_example, by_place), store.coordinates.tolist(), store.tissue_fraction, strict=True
    ):
        assert (example["tile/x"], example["tile/y"]) == (x, y)
        assert x % summary.tile_extent == y % summary.tile_extent == 0
        assert example["tile/tissue_fraction"] == pytest.approx(fraction)
        assert example["tile/mpp"] == pytest.approx(0.5)
        assert (example["slide/id"], example["patient/id"]) == (b"S", b"P")
        assert (example["image/height"], example["image/width"]) == (256, 256)
        assert simplejpeg.decode_jpeg(example["image/encoded"]).shape == (256, 256, 3)
        assert "image/class/label" not in example


@pytest.mark.parametrize("recipe", ["glands 20x 0.9x0.8mm", "none 20x 0.8x0.7mm"])
def test_without_records_the_index_is_the_same_and_nothing_is_encoded(draw_slide, tmp_path, monkeypatch, recipe):
    _, _, with_records = cut(draw_slide(recipe), tmp_path)
    monkeypatch.setattr(simplejpeg, "encode_jpeg", lambda *_, **__: pytest.fail("a tile was encoded"))
    without = tmp_path / "alone" / "s.zarr.zip"
    tile_slide(SlideSource(path=draw_slide(recipe), slide_id="S", patient_id="P"), SMALL_TILES, store=without)
    assert list(without.parent.iterdir()) == [without]
    expected, index = read_store(with_records), read_store(without)
    assert index.summary == expected.summary
    assert not index.offset.any()
    assert not index.length.any()
    for name in ("coordinates", "tissue_fraction", "ink_fraction", "sharpness", "quality", "tissue_mask", "thumbnail"):
        np.testing.assert_array_equal(getattr(index, name), getattr(expected, name))


def test_a_tile_shows_the_slide_at_its_coordinates(draw_slide, tmp_path):
    slide = draw_slide("glands 20x 0.9x0.8mm")
    _, records, _ = cut(slide, tmp_path, replace(SMALL_TILES, jpeg_quality=95))
    with openslide.OpenSlide(slide) as original:
        for example in map(parse_example, read_records(records)):
            tile = simplejpeg.decode_jpeg(example["image/encoded"]).astype(int)
            corner = (example["tile/x"], example["tile/y"])
            expected = np.asarray(original.read_region(corner, 0, (256, 256)).convert("RGB")).astype(int)
            shifted = np.asarray(original.read_region((corner[0] + 1, corner[1]), 0, (256, 256)).convert("RGB")).astype(
                int
            )
            assert np.abs(tile - expected).mean() < 0.6 * np.abs(tile - shifted).mean()


@pytest.mark.parametrize("mpp", [0.5, 0.7])
def test_any_number_of_threads_gives_the_same_bytes(draw_slide, tmp_path, mpp):
    slide = draw_slide("glands 40x 0.9x0.8mm")
    contents = set()
    for threads in (1, 2, 5):
        paths = tmp_path / f"{threads}.tfrecord", tmp_path / f"{threads}.zarr.zip"
        source = SlideSource(path=slide, slide_id="S", patient_id="P")
        tile_slide(source, replace(SMALL_TILES, mpp=mpp), records=paths[0], store=paths[1], threads=threads)
        contents.add(tuple(path.read_bytes() for path in paths))
    assert len(contents) == 1


def test_both_readers_give_the_same_tiles_at_level_0(draw_slide, tmp_path):
    slide = draw_slide("glands 20x 0.9x0.8mm")
    records = {}
    for reader in ("auto", "direct", "openslide"):
        (tmp_path / reader).mkdir()
        summary, path, _ = cut(slide, tmp_path / reader, replace(SMALL_TILES, reader=reader))
        records[reader] = {
            (e["tile/x"], e["tile/y"]): e["image/encoded"] for e in map(parse_example, read_records(path))
        }
        assert summary.reader == ("openslide" if reader == "openslide" else "direct")
    assert records["auto"] == records["direct"]
    common = set(records["direct"]) & set(records["openslide"])
    assert len(common) >= 0.95 * len(records["direct"])
    assert all(records["direct"][corner] == records["openslide"][corner] for corner in common)


def test_flagged_tiles_are_kept_and_counted(draw_slide, tmp_path):
    summary, _, path = cut(draw_slide("glands 20x 1.2x1.0mm pen"), tmp_path)
    store = read_store(path)
    assert summary.flagged == {"pen_marks": np.count_nonzero(store.quality)}
    assert 0 < summary.flagged["pen_marks"] < summary.tile_count < summary.grid_count


def test_nothing_that_is_written_shows_the_label_or_the_macro_image(draw_slide, tmp_path):
    _, records, path = cut(draw_slide("glands 20x 0.9x0.8mm"), tmp_path, replace(SMALL_TILES, max_background=0.99))
    pictures = [
        simplejpeg.decode_jpeg(example["image/encoded"]) for example in map(parse_example, read_records(records))
    ]
    for picture in [*pictures, read_store(path).thumbnail]:
        assert not (np.abs(picture.astype(int) - STICKER_COLOUR).max(axis=-1) < 12).any()


def test_two_runs_give_the_same_bytes(draw_slide, tmp_path):
    slide = draw_slide("nests 20x 0.9x0.8mm")
    outputs = []
    for name in ("1", "2"):
        (tmp_path / name).mkdir()
        _, *paths = cut(slide, tmp_path / name)
        outputs.append([path.read_bytes() for path in paths])
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("recipe", "reason"),
    [
        ("none 20x 0.9x0.8mm", "has no tissue: every tile is more than 50% background"),
        ("nests 20x 0.9x0.8mm truncated", "cannot be read"),
    ],
)
def test_a_slide_that_cannot_be_used_is_set_aside_with_its_reason(draw_slide, tmp_path, recipe, reason):
    summary, records, path = cut(draw_slide(recipe), tmp_path)
    assert summary.status == "set_aside"
    assert reason in summary.reason
    assert records.read_bytes() == b""
    store = read_store(path)
    assert store.summary == summary
    assert len(store.coordinates) == len(store.offset) == 0


def test_a_slide_that_breaks_off_in_mid_tiling_keeps_no_tiles(draw_slide, tmp_path):
    whole = draw_slide("glands 20x 0.9x0.8mm").read_bytes()
    damaged = tmp_path / "damaged.svs"
    middle = len(whole) // 2
    damaged.write_bytes(whole[:middle] + bytes(20_000) + whole[middle + 20_000 :])
    summary, records, _ = cut(damaged, tmp_path)
    assert summary.status == "set_aside"
    assert "damaged.svs is damaged" in summary.reason
    assert records.read_bytes() == b""
    assert sorted(os.listdir(tmp_path)) == ["damaged.svs", "s.tfrecord", "s.zarr.zip"]


def test_a_slide_with_pen_marks_is_used_and_flagged(draw_slide, tmp_path):
    (tmp_path / "pen").mkdir()
    (tmp_path / "clean").mkdir()
    marked, *_ = cut(draw_slide("glands 20x 1.2x1.0mm pen"), tmp_path / "pen")
    clean, *_ = cut(draw_slide("glands 20x 1.2x1.0mm"), tmp_path / "clean")
    assert (marked.status, marked.flags) == ("usable", ("pen_marks",))
    assert (clean.status, clean.flags) == ("usable", ())


def test_every_tiling_parameter_changes_the_result(draw_slide, tmp_path):
    slide = draw_slide("glands 20x 1.2x1.0mm pen")
    variants = [
        SMALL_TILES,
        replace(SMALL_TILES, mpp=1.0),
        replace(SMALL_TILES, tile_size=128),
        replace(SMALL_TILES, max_background=0.05),
        replace(SMALL_TILES, jpeg_quality=50),
    ]
    contents = set()
    for number, parameters in enumerate(variants):
        folder = tmp_path / str(number)
        folder.mkdir()
        contents.add(cut(slide, folder, parameters)[1].read_bytes())
    assert len(contents) == len(variants)


def test_colours_are_stored_as_finely_as_asked_for(draw_slide, tmp_path):
    slide = draw_slide("glands 20x 0.9x0.8mm")
    headers = {}
    for subsampling in ("420", "444"):
        (tmp_path / subsampling).mkdir()
        parameters = replace(SMALL_TILES, jpeg_quality=100, jpeg_subsampling=subsampling)
        _, records, _ = cut(slide, tmp_path / subsampling, parameters)
        jpeg = next(map(parse_example, read_records(records)))["image/encoded"]
        headers[subsampling] = simplejpeg.decode_jpeg_header(jpeg)[3]
    assert headers == {"420": "420", "444": "444"}


def test_a_slide_coarser_than_the_tiles_is_set_aside(draw_slide, tmp_path):
    summary, *_ = cut(draw_slide("glands 20x 0.9x0.8mm"), tmp_path, replace(SMALL_TILES, mpp=0.25))
    assert summary.reason == (
        "S has 0.5 um per pixel, tiles are asked for at 0.25. Raise tiling.mpp, or leave the slide out."
    )


def test_a_slide_smaller_than_a_tile_is_set_aside(draw_slide, tmp_path):
    summary, *_ = cut(draw_slide("glands 20x 0.9x0.8mm"), tmp_path, replace(SMALL_TILES, tile_size=4096))
    assert "smaller than one tile" in summary.reason


def test_the_real_slide(real_slide, tmp_path):
    summary, records, _ = cut(real_slide, tmp_path)
    assert summary.status == "usable"
    assert summary.slide is not None
    assert (summary.slide.vendor, summary.slide.mpp) == ("aperio", 0.499)
    assert summary.tile_count == len(list(read_records(records))) > 15


def test_a_sheet_that_contradicts_the_file_is_used_and_reported(draw_slide, tmp_path, caplog):
    slide = draw_slide("glands 20x 0.9x0.8mm")
    summary, *_ = cut(slide, tmp_path, sheet_mpp=0.25)
    assert (summary.slide.mpp, summary.slide.mpp_source, summary.slide.file_mpp) == (0.25, "slide sheet", 0.5)
    assert summary.tile_extent == 512
    assert "mpp_from_sheet_not_file" in summary.flags
    assert "the slide sheet gives 0.25 microns per pixel and the file 0.5: the sheet's are used" in caplog.text
    agreeing, *_ = cut(slide, tmp_path, sheet_mpp=0.5)
    assert agreeing.flags == ()


@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_trouble_of_the_machine_sets_no_slide_aside(draw_slide, tmp_path, monkeypatch, reader):
    """It fails in the middle of the slide; what was cut before stays as it was, and there is no new file."""
    slide = draw_slide("glands 20x 0.9x0.8mm")
    _, records, store = cut(slide, tmp_path)
    before = records.read_bytes(), store.read_bytes()

    def refuse(*_, **__):
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    def fail(*_):
        monkeypatch.setattr("slidemill.slides.availability.check_readable", refuse)
        raise openslide.OpenSlideError("cannot read")

    monkeypatch.setattr(os, "pread", refuse)
    monkeypatch.setattr(openslide.OpenSlide, "read_region", fail)
    with pytest.raises(MachineTroubleError, match="Input/output error"):
        cut(slide, tmp_path, replace(SMALL_TILES, reader=reader))
    assert (records.read_bytes(), store.read_bytes()) == before
    assert sorted(os.listdir(tmp_path)) == ["s.tfrecord", "s.zarr.zip"]
