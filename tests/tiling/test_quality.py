"""Flags of tiles: what is out of focus or under ink, and nothing else."""

import numpy as np
import openslide
import pytest
import tifffile
from scipy import ndimage

from slidemill.slides import open_slide
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.measure import FocusMeter
from slidemill.tiling.quality import (
    QUALITY_FLAGS,
    flag_bits,
    flag_counts,
    focus_rows,
    quality_bits,
    sharpness_of,
    stained_points,
)
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_record_places, read_store, read_summary
from slidemill.units import TilePixels

SIZE = 256
BLUR_UM = 1.75


def cut(path, folder):
    parameters = TilingParameters(0.5, TilePixels(SIZE), max_background=0.5, jpeg_quality=85)
    store = folder / "s.zarr.zip"
    tile_slide(SlideSource(path, "S", "P"), parameters, records=folder / "s.tfrecord", store=store)
    return read_store(store)


def level_0(path):
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))


def save(path, pixels):
    options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, pixels, tile=(256, 256), resolution=(20000, 20000), resolutionunit="CENTIMETER", **options)
    return path


@pytest.fixture(scope="module")
def half_blurred(draw_slide, tmp_path_factory):
    """A slide of which the left half is out of focus."""
    pixels = level_0(draw_slide("nests 20x 1.1x1.1mm")).copy()
    half = pixels.shape[1] // 2 // SIZE * SIZE
    sigma = BLUR_UM / 0.5
    pixels[:, :half] = ndimage.gaussian_filter(pixels, (sigma, sigma, 0))[:, :half]
    return save(tmp_path_factory.mktemp("blurred") / "s.tif", pixels), half


def test_tiles_out_of_focus_are_flagged_and_no_others(half_blurred, tmp_path):
    path, half = half_blurred
    store = cut(path, tmp_path)
    blurred = store.coordinates[:, 0] < half
    assert 3 < blurred.sum() < len(blurred) - 3
    np.testing.assert_array_equal(store.quality == flag_bits(("out_of_focus",)), blurred)
    assert store.sharpness[blurred].max() < store.sharpness[~blurred].min()
    assert store.summary.flags == ("out_of_focus",)


def test_they_are_left_out_of_the_store_on_request(half_blurred, tmp_path):
    path, half = half_blurred
    store = cut(path, tmp_path)
    used = store.without(("out_of_focus",))
    assert used.coordinates[:, 0].min() >= half
    assert len(store.quality) - used.summary.tile_count == store.summary.flagged["out_of_focus"] > 3
    assert store.without(()).summary == store.summary
    index = tmp_path / "s.zarr.zip"
    assert read_summary(index, ("out_of_focus",)) == used.summary
    np.testing.assert_array_equal(
        read_record_places(index, ("out_of_focus",)), np.stack([used.offset, used.length], axis=1)
    )


def test_a_slide_of_which_nothing_is_left_says_why(draw_slide, tmp_path):
    blurred = ndimage.gaussian_filter(level_0(draw_slide("nests 20x 0.4x0.4mm")), (4, 4, 0))
    store = cut(save(tmp_path / "s.tif", blurred), tmp_path)
    assert store.summary.status == "usable"
    used = store.without(("out_of_focus",)).summary
    assert used.status == "set_aside"
    assert "are flagged (out of focus). Shorten quality.exclude to use them." in used.reason


@pytest.mark.parametrize("tissue", ["glands", "nests", "alveoli"])
@pytest.mark.parametrize("power", [20, 40])
def test_drawn_tissue_is_in_focus_and_without_ink(draw_slide, tmp_path, tissue, power):
    store = cut(draw_slide(f"{tissue} {power}x 0.8x0.7mm"), tmp_path)
    assert len(store.quality) > 0
    assert not store.quality.any()


def test_real_tissue_is_in_focus_and_without_ink(real_slide, tmp_path):
    store = cut(real_slide, tmp_path)
    assert not store.quality.any()
    assert store.sharpness.min() > 0.25


def test_real_tissue_made_blurred_is_flagged(real_slide, tmp_path):
    pixels = level_0(real_slide)
    sigma = BLUR_UM / 0.499
    store = cut(save(tmp_path / "s.tif", ndimage.gaussian_filter(pixels, (sigma, sigma, 0))), tmp_path)
    assert len(store.quality) > 15
    assert (store.quality == flag_bits(("out_of_focus",))).all()


@pytest.mark.parametrize("ink", [(40, 60, 160), (30, 130, 70), (40, 40, 42), (200, 45, 50)])
def test_tiles_with_ink_are_flagged_whatever_its_colour(draw_slide, tmp_path, ink):
    pixels = level_0(draw_slide("nests 20x 1.1x1.1mm")).copy()
    stroke = slice(700, 1100)
    pixels[stroke, :] = pixels[stroke, :] * (np.array(ink) / 245)  # its density adds to that of the tissue
    store = cut(save(tmp_path / "s.tif", pixels), tmp_path)
    tops = store.coordinates[:, 1]
    under = (tops + SIZE > stroke.start + 16) & (tops < stroke.stop - 16)
    flagged = (store.quality & flag_bits(("pen_marks",))) > 0
    assert flagged[under].all()
    far = (tops > stroke.stop + 100) | (tops + SIZE < stroke.start - 100)
    assert far.any()
    assert not flagged[far].any()
    assert "pen_marks" in store.summary.flags
    assert store.without(("pen_marks",)).summary.tile_count == (~flagged).sum()


def test_tissue_fraction_is_measured_on_the_tile_itself():
    tile = np.full((256, 256, 3), (241, 240, 242), np.uint8)
    tile[:, :100] = (230, 130, 190)
    assert stained_points(tile, 0.05).mean() == pytest.approx(100 / 256, abs=0.02)


@pytest.mark.parametrize("value", [0, 128, 255])
def test_a_tile_without_contrast_is_not_called_blurred(value):
    flat = np.full((64, 64, 3), value, np.uint8)
    assert sharpness_of(focus_rows(flat)[None], 0.5).tolist() == [1.0]


def test_tiles_measured_together_have_the_sharpness_that_each_has_alone():
    steps = np.random.default_rng(2).integers(-40, 40, (70, 128, 128, 1)).repeat(3, axis=-1)
    tiles = np.clip(128 + np.cumsum(steps, axis=2), 0, 255).astype(np.uint8)
    tiles[3] = 200
    focus = FocusMeter(0.5)
    for tile in tiles:
        focus.add(focus_rows(tile))
    alone = []
    for tile in tiles.astype(int):
        near, far = (np.abs(tile[32::64, d:, 1] - tile[32::64, :-d, 1]).mean() for d in (1, 8))
        alone.append(near / far if far >= 1.5 else 1.0)
    assert focus.sharpness().tolist() == alone
    assert len(set(alone)) == len(tiles)


def test_each_flag_has_a_bit_of_its_own():
    assert [flag_bits((flag,)) for flag in QUALITY_FLAGS] == [1, 2]
    assert flag_bits(QUALITY_FLAGS) == 3
    bits = quality_bits(np.array([0.5, 0.0, 0.5, 0.0], np.float32), np.array([0.1, 0.1, 1.0, 1.0]))
    assert bits.tolist() == [3, 2, 1, 0]
    assert flag_counts(bits) == {"pen_marks": 2, "out_of_focus": 2}
    assert flag_counts(bits[2:]) == {"pen_marks": 1}


def test_a_fluorescence_slide_is_set_aside(tmp_path):
    dark = np.random.default_rng(0).integers(0, 20, (600, 600, 3)).astype(np.uint8)
    dark[100:200, 100:200, 1] = 170
    store = cut(save(tmp_path / "s.tif", dark), tmp_path)
    assert "is no brightfield RGB image" in store.summary.reason


def test_a_slide_with_black_borders_is_used(draw_slide, tmp_path):
    pixels = np.pad(level_0(draw_slide("nests 20x 0.8x0.7mm")), ((400, 400), (300, 700), (0, 0)))
    store = cut(save(tmp_path / "s.tif", pixels), tmp_path)
    assert store.summary.status == "usable"
    assert "pen_marks" not in store.summary.flags
    with open_slide(tmp_path / "s.tif") as slide:
        for x, y in store.coordinates.tolist():
            (tile,) = slide.map_tiles(lambda _, a: a.copy(), np.array([(x, y)]), extent=SIZE, size=SIZE)
            assert (tile.max(axis=-1) < 8).mean() < 0.5
