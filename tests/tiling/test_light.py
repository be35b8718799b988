"""Fluorescence is told from brightfield, and what looks like it is kept."""

import numpy as np
import openslide
import pytest
import tifffile
from scipy import ndimage

from slidemill.tiling.cut import tile_slide
from slidemill.tiling.light import why_no_brightfield
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.units import TilePixels

GLASS = np.array([241, 240, 242])
# Colours of a dye's light where it is brightest, and of the ground.
DYES = {
    "DAPI": [(20, 40, 255)],
    "DAPI as cyan": [(0, 150, 255)],
    "FITC": [(30, 220, 40)],
    "TRITC": [(230, 60, 20)],
    "DAPI and FITC": [(20, 40, 255), (30, 220, 40)],
    "three dyes": [(20, 40, 255), (30, 220, 40), (230, 60, 20)],
    "grey": [(255, 255, 255)],
}


def fluorescence(name, side=768, ground=8):
    """Cells of each dye's light on a dark ground, a part of them very bright."""
    rng = np.random.default_rng(0)
    light = np.full((side, side, 3), float(ground))
    for colour in DYES[name]:
        seeds = ndimage.gaussian_filter((rng.random((side, side)) < 0.0005).astype(float), 5)
        light += np.clip(seeds / np.percentile(seeds, 98), 0, 1.2)[..., None] * np.array(colour)
    return np.clip(light + rng.normal(0, 3, light.shape), 0, 255).astype(np.uint8)


@pytest.mark.parametrize("ground", [0, 8, 30])
@pytest.mark.parametrize("name", DYES)
def test_fluorescence_is_no_brightfield(name, ground):
    assert why_no_brightfield(fluorescence(name, ground=ground)) is not None


@pytest.mark.parametrize("reader", ["direct", "openslide"])
def test_it_is_set_aside_whichever_reader_opens_it(tmp_path, reader):
    assert cut(tmp_path, fluorescence("DAPI"), reader).reason.startswith("s.tif is no brightfield RGB image (most of")


def test_a_slide_without_any_light():
    assert why_no_brightfield(np.zeros((100, 100, 3), np.uint8)) == "nothing on it is lit"


def cut(folder, pixels, reader="auto"):
    options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
    resolution = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(folder / "s.tif", pixels, tile=(256, 256), **resolution, **options)
    parameters = TilingParameters(0.5, TilePixels(256), max_background=0.5, jpeg_quality=85, reader=reader)
    source = SlideSource(folder / "s.tif", "S", "P")
    return tile_slide(source, parameters, records=folder / "s.tfrecord", store=folder / "s.zarr.zip")


@pytest.fixture(scope="module")
def tissue(draw_slide):
    """Level 0 of a drawn slide, at a quarter of its size."""
    with openslide.OpenSlide(draw_slide("nests 20x 1.1x1.1mm")) as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
    return (
        pixels[: pixels.shape[0] // 4 * 4, : pixels.shape[1] // 4 * 4]
        .reshape(pixels.shape[0] // 4, 4, pixels.shape[1] // 4, 4, 3)
        .mean(axis=(1, 3))
    )


def middle(pixels):
    """A part without glass."""
    height, width, _ = pixels.shape
    return pixels[int(0.35 * height) : int(0.6 * height), int(0.2 * width) : int(0.45 * width)]


LOOKALIKES = {
    "H&E": lambda p: p,
    "dark H&E": lambda p: 0.3 * p,
    "very dark H&E": lambda p: 0.12 * p,
    "dark H&E without glass": lambda p: 0.3 * middle(p),
    "thick H&E": lambda p: GLASS * (p / GLASS) ** 2,
    "thick H&E without glass": lambda p: GLASS * (middle(p) / GLASS) ** 2.5,
    "black padding": lambda p: np.pad(p, ((400, 400), (300, 700), (0, 0))),
    "dark H&E in black padding": lambda p: np.pad(0.3 * p, ((400, 400), (300, 700), (0, 0))),
    "thick H&E in black padding": lambda p: np.pad(GLASS * (middle(p) / GLASS) ** 2, ((90, 90), (90, 90), (0, 0))),
    "edges of a cassette": lambda p: np.pad(p, ((120, 120), (160, 160), (0, 0)), constant_values=32),
    "an empty slide": lambda p: np.broadcast_to(GLASS, p.shape),
    "an empty slide in black padding": lambda p: np.pad(
        np.broadcast_to(GLASS, p.shape), ((400, 400), (400, 400), (0, 0))
    ),
    "clipped glass": lambda p: np.where(p.min(axis=-1, keepdims=True) > 225, 255, p),
}


@pytest.mark.parametrize("name", LOOKALIKES)
def test_what_looks_like_it_is_kept(tissue, name):
    noise = np.random.default_rng(1).normal(0, 2, LOOKALIKES[name](tissue).shape)
    picture = np.clip(LOOKALIKES[name](tissue) + noise, 0, 255).astype(np.uint8)
    assert why_no_brightfield(picture) is None


def test_real_tissue_is_kept_also_when_it_is_dark(real_slide, tmp_path):
    with openslide.OpenSlide(real_slide) as slide:
        pixels = np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))
    for factor in (1.0, 0.35):
        assert why_no_brightfield((factor * pixels[::8, ::8]).astype(np.uint8)) is None
    assert cut(tmp_path, (0.45 * pixels).astype(np.uint8)).status == "usable"
