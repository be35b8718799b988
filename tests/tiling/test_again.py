"""A slide cut once more, into other tiles, on the tissue that was found at first."""

from dataclasses import replace

import pytest

from slidemill.tiling.again import tile_again
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store, write_store
from slidemill.tiling.tissue import find_tissue
from slidemill.tiling.whole_slide import OtherTissueError
from slidemill.units import TilePixels

from .test_damaged_tiles import damage

FIRST = TilingParameters(mpp=0.5, tile_size=TilePixels(256), max_background=0.4, jpeg_quality=85)
OTHER = {"mpp": 1.0, "tile_size": TilePixels(96)}
SOURCE = {"slide_id": "S", "patient_id": "P"}


def cut(slide, store, parameters=FIRST, **source):
    tile_slide(SlideSource(slide, **(SOURCE | source)), parameters, store=store)
    return store


def must_not_look(*_):
    raise AssertionError("the slide was looked over once more")


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["direct", "openslide"])
@pytest.mark.parametrize("recipe", ["glands 20x 1.1x0.9mm pen", "alveoli 40x 0.8x0.7mm"])
def test_the_tiles_are_those_of_a_slide_that_was_cut_so_at_first(draw_slide, tmp_path, monkeypatch, recipe, reader):
    slide, parameters = draw_slide(recipe), replace(FIRST, reader=reader)
    first = cut(slide, tmp_path / "first.zarr.zip", parameters, sheet_mpp=0.52)
    straight = cut(slide, tmp_path / "straight.zarr.zip", replace(parameters, **OTHER), sheet_mpp=0.52)
    monkeypatch.setattr("slidemill.tiling.survey.look_over", must_not_look)
    tile_again(slide, first, **OTHER, store=tmp_path / "again.zarr.zip", threads=3)
    assert (tmp_path / "again.zarr.zip").read_bytes() == straight.read_bytes()
    assert len(read_store(straight).coordinates) > len(read_store(first).coordinates) > 0


def test_what_the_overview_does_not_show_is_looked_at_tile_by_tile(draw_slide, tmp_path):
    slide = tmp_path / "s.svs"
    damage(draw_slide("nests 20x 1.1x1.1mm"), slide, (0, 0), (1, 1), level=1)
    first = cut(slide, tmp_path / "first.zarr.zip")
    straight = cut(slide, tmp_path / "straight.zarr.zip", replace(FIRST, **OTHER))
    tile_again(slide, first, **OTHER, store=tmp_path / "again.zarr.zip")
    assert len(read_store(first).unseen)
    assert (tmp_path / "again.zarr.zip").read_bytes() == straight.read_bytes()


def test_tissue_is_what_it_was_at_first(draw_slide, tmp_path):
    slide = draw_slide("nests 20x 1.1x1.1mm")
    before = read_store(cut(slide, tmp_path / "first.zarr.zip"))
    thumbnail = before.thumbnail.copy()
    middle = thumbnail.shape[1] // 2
    thumbnail[:, :middle] = 240
    doubtful = tmp_path / "doubtful.zarr.zip"
    write_store(doubtful, replace(before, thumbnail=thumbnail))
    with pytest.raises(OtherTissueError, match=r"doubtful.zarr.zip: its tissue was found by another version"):
        tile_again(slide, doubtful, **OTHER, store=tmp_path / "again.zarr.zip")
    facts = before.summary.slide
    tissue = find_tissue(thumbnail, facts.mpp * max(facts.width, facts.height) / max(thumbnail.shape)).tissue
    write_store(doubtful, replace(before, thumbnail=thumbnail, tissue_mask=tissue))
    summary = tile_again(slide, doubtful, **OTHER, store=tmp_path / "again.zarr.zip")
    again = read_store(tmp_path / "again.zarr.zip")
    assert summary.tile_count == len(again.coordinates) > 0
    assert again.coordinates[:, 0].min() > facts.width // 2 - summary.tile_extent


def test_a_slide_that_could_not_be_read_stays_set_aside(tmp_path):
    slide = tmp_path / "s.svs"
    slide.write_bytes(b"II*\0 no slide")
    first = cut(slide, tmp_path / "first.zarr.zip")
    slide.unlink()
    summary = tile_again(slide, first, **OTHER, store=tmp_path / "again.zarr.zip")
    again = read_store(tmp_path / "again.zarr.zip")
    assert again.summary == summary
    assert (summary.status, summary.reason) == ("set_aside", read_store(first).summary.reason)
    assert summary.parameters == read_store(first).summary.parameters | OTHER


def test_a_slide_too_small_for_the_first_tiles_may_give_others(draw_slide, tmp_path):
    slide = draw_slide("glands 20x 0.4x0.3mm")
    first = cut(slide, tmp_path / "first.zarr.zip", replace(FIRST, tile_size=TilePixels(1024)))
    assert read_store(first).summary.status == "set_aside"
    assert tile_again(slide, first, **OTHER, store=tmp_path / "again.zarr.zip").status == "usable"


def test_a_slide_too_coarse_for_the_other_tiles_is_set_aside(draw_slide, tmp_path):
    first = cut(draw_slide("glands 20x 0.4x0.3mm"), tmp_path / "first.zarr.zip")
    other = {"mpp": 0.25, "tile_size": TilePixels(224)}
    summary = tile_again(draw_slide("glands 20x 0.4x0.3mm"), first, **other, store=tmp_path / "again.zarr.zip")
    assert summary.status == "set_aside"
    assert "has 0.5 um per pixel, tiles are asked for at 0.25" in summary.reason
