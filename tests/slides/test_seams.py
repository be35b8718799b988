"""Neighbouring tiles fit together where they are resampled: each is the same as cut from the whole slide resampled."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from slidemill.slides import open_slide
from slidemill.slides.resample import Box, resample

# Test modules are no package: this one is found by its place.
_SPEC = importlib.util.spec_from_file_location("tiff_cases", Path(__file__).with_name("tiff_cases.py"))
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

LOSSLESS = next(case for case in cases.CASES if case.name == "deflate")
SIZE = 50
ACROSS = 4


def gradient(height=cases.HEIGHT, width=cases.WIDTH):
    y, x = np.mgrid[0:height, 0:width]
    return np.stack([x * 255 / width, y * 255 / height, (x + y) * 255 / (width + height)], axis=-1).astype(np.uint8)


def stripes(height=cases.HEIGHT, width=cases.WIDTH):
    y, x = np.mgrid[0:height, 0:width]
    return np.repeat((((x // 3 + y // 5) % 2) * 255).astype(np.uint8)[..., None], 3, axis=2)


def cut(path, reader, extent):
    corners = np.array([(x * extent, y * extent) for y in range(ACROSS) for x in range(ACROSS)])
    with open_slide(path, reader) as slide:
        tiles = np.array(list(slide.map_tiles(lambda _, tile: tile.copy(), corners, extent=extent, size=SIZE)))
    return tiles.reshape(ACROSS, ACROSS, SIZE, SIZE, 3).swapaxes(1, 2).reshape(ACROSS * SIZE, ACROSS * SIZE, 3)


@pytest.mark.parametrize("reader", ["direct", "openslide"])
@pytest.mark.parametrize("picture", [gradient, stripes, cases.texture])
@pytest.mark.parametrize("extent", [63, 99, 140])  # of tiles of 50: 1.26 to 2.8 times smaller
def test_tiles_side_by_side_are_the_whole_slide_resampled(tmp_path, picture, extent, reader):
    pixels = picture()
    path = cases.write(tmp_path / "s.tif", LOSSLESS, [pixels])
    whole = Image.fromarray(pixels)
    scale = 2 if reader == "direct" and extent >= 2 * SIZE else 1  # what the direct reader's decoder leaves to resample
    side = ACROSS * extent / scale
    reduced = np.asarray(whole.reduce(scale))
    expected = resample(reduced, Box(0, 0, side, side), width=ACROSS * SIZE, height=ACROSS * SIZE)
    difference = cut(path, reader, extent).astype(int) - expected
    assert np.abs(difference).max() <= 1
