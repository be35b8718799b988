import numpy as np
import pytest

from slidemill.slides import open_slide
from slidemill.tiling.tissue import find_tissue, optical_density
from slidemill.units import Microns

GLASS = (241, 240, 242)
EOSIN = (230, 130, 190)
HAEMATOXYLIN = (110, 70, 140)
INKS = {"blue": (40, 60, 160), "green": (30, 130, 70), "black": (40, 40, 42), "red": (200, 45, 50)}
PIXEL = Microns(8.0)


def picture(*patches):
    """Glass of 200 x 200 pixels with rectangles (top, left, bottom, right, colour), and a little noise."""
    rgb = np.empty((200, 200, 3))
    rgb[:] = GLASS
    for top, left, bottom, right, colour in patches:
        rgb[top:bottom, left:right] = colour
    noise = np.random.default_rng(0).normal(0, 2, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


@pytest.mark.parametrize("colour", [EOSIN, HAEMATOXYLIN])
def test_stained_tissue_is_found(colour):
    areas = find_tissue(picture((40, 50, 140, 150, colour)), PIXEL)
    assert areas.tissue[45:135, 55:145].all()
    assert areas.tissue.mean() == pytest.approx(0.25, abs=0.02)
    assert not areas.ink.any()


@pytest.mark.parametrize("grey", [255, 241, 180, 100])
def test_glass_and_grey_shades_hold_no_tissue(grey):
    rgb = np.clip(np.random.default_rng(1).normal(grey, 2, (200, 200, 3)), 0, 255).astype(np.uint8)
    assert not find_tissue(rgb, PIXEL).tissue.any()


@pytest.mark.parametrize("ink", INKS)
def test_ink_is_not_tissue_and_does_not_hide_the_tissue_beside_it(ink):
    areas = find_tissue(picture((40, 50, 140, 150, EOSIN), (20, 80, 180, 95, INKS[ink])), PIXEL)
    assert areas.ink[25:175, 82:93].all()
    assert not areas.tissue[25:175, 82:93].any()
    assert areas.tissue[45:135, 55:75].all()
    assert areas.tissue[45:135, 100:145].all()


@pytest.mark.parametrize("colour", [(240, 222, 236), (225, 190, 215), (60, 20, 70), (30, 10, 42)])
def test_pale_and_dark_tissue_is_found(colour):
    areas = find_tissue(picture((40, 50, 140, 150, colour)), PIXEL)
    assert areas.tissue[45:135, 55:145].all()
    assert areas.tissue.mean() == pytest.approx(0.25, abs=0.02)
    assert not areas.ink.any()


@pytest.mark.parametrize("glass", [(245, 240, 215), (245, 234, 240), (222, 234, 245), (228, 242, 226), (205, 204, 206)])
def test_coloured_glass_is_not_tissue_and_does_not_hide_it(glass):
    assert not find_tissue(picture((0, 0, 200, 200, glass)), PIXEL).tissue.any()
    areas = find_tissue(picture((0, 0, 200, 200, glass), (40, 50, 140, 150, EOSIN)), PIXEL)
    assert areas.tissue.mean() == pytest.approx(0.25, abs=0.02)
    assert not areas.ink.any()


@pytest.mark.parametrize("padding", [(255, 255, 255), (0, 0, 0)])
def test_white_padding_and_black_borders_are_neither_tissue_nor_ink(padding):
    rgb = picture((40, 50, 140, 150, EOSIN))
    rgb[:30], rgb[:, 180:] = padding, padding
    areas = find_tissue(rgb, PIXEL)
    assert not areas.ink.any()
    assert areas.tissue[45:135, 55:145].all()
    assert areas.tissue.mean() == pytest.approx(0.25, abs=0.02)


def test_fat_between_thin_septa_is_tissue_and_large_spaces_are_not():
    rgb = picture((40, 50, 140, 150, EOSIN))
    rgb[100:160, 50:150] = GLASS  # a large space
    for line in range(100, 160, 10):  # septa of 16 um, 80 um apart
        rgb[line : line + 2, 50:100] = rgb[100:160, 50 + line - 100 : 52 + line - 100] = EOSIN
    areas = find_tissue(rgb, PIXEL)
    assert areas.tissue[105:150, 55:95].mean() > 0.9
    assert not areas.tissue[105:155, 115:145].any()
    assert areas.holes[105:150, 55:95].any()


def test_specks_are_dropped_and_small_holes_filled():
    speck, hole = (10, 10, 14, 14, EOSIN), (80, 90, 84, 94, GLASS)
    areas = find_tissue(picture((40, 50, 140, 150, EOSIN), speck, hole), PIXEL)
    assert not areas.tissue[:30, :30].any()
    assert areas.tissue[78:86, 88:96].all()


def test_optical_density_of_white_is_0_and_of_black_log10_256():
    density = optical_density(np.array([[[255, 255, 255], [0, 0, 0]]], np.uint8))
    np.testing.assert_allclose(density[0], [[0, 0, 0], [np.log10(256)] * 3], rtol=1e-6)


@pytest.mark.parametrize(("tissue", "least"), [("glands", 0.3), ("nests", 0.3), ("alveoli", 0.3), ("none", 0.0)])
def test_synthetic_slides(draw_slide, tissue, least):
    with open_slide(draw_slide(f"{tissue} 20x 0.9x0.8mm")) as slide:
        areas = find_tissue(slide.overview(225), Microns(4.0))
    assert areas.tissue.mean() >= least
    assert areas.tissue.any() == (tissue != "none")


def test_the_real_slide(real_slide):
    with open_slide(real_slide) as slide:
        overview = slide.overview(740)
    areas = find_tissue(overview, Microns(2.0))
    assert 0.25 < areas.tissue.mean() < 0.45
    assert overview[areas.tissue].mean() < 200 < 230 < overview[~areas.tissue].mean()
    assert areas.ink.mean() < 0.001
