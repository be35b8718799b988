"""Resampling gives Pillow's pixels, leaves alone what fits, and does not depend on the processor."""

import numpy as np
import pytest
from cykooz_resizer import CpuExtensions
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from slidemill.slides import resample as module
from slidemill.slides.resample import Box, resample, resampling_margin

SIDE = 300


@pytest.fixture(scope="module")
def picture():
    """Noise of low contrast: where no pass of the filter leaves 0 to 255, the order of the passes does not matter."""
    return np.random.default_rng(1).integers(96, 160, (SIDE, SIDE, 3), dtype=np.uint8)


@pytest.mark.parametrize("size", [40, 149, 151, 290, 310, 600])
@pytest.mark.parametrize("box", [Box(0, 0, SIDE, SIDE), Box(3.25, 7.5, 290.75, 281)])
def test_it_is_pillows_lanczos(picture, box, size):
    expected = Image.fromarray(picture).resize((size, size - 7), Image.Resampling.LANCZOS, box=box)
    difference = resample(picture, box, width=size, height=size - 7).astype(int) - np.asarray(expected)
    assert np.abs(difference).max() <= 2


@given(left=st.integers(0, 200), top=st.integers(0, 200), side=st.integers(1, 100))
def test_what_fits_is_left_alone(left, top, side):
    pixels = np.random.default_rng(2).integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
    part = resample(pixels, Box(left, top, left + side, top + side), width=side, height=side)
    np.testing.assert_array_equal(part, pixels[top : top + side, left : left + side])


@pytest.mark.parametrize("size", [40, 151, 250])
def test_only_the_margin_weighs(picture, size):
    box = Box(50.5, 60.25, 200.5, 210.25)
    margin = resampling_margin(150, size)
    changed = np.zeros_like(picture)
    inside = slice(60 - margin, 211 + margin), slice(50 - margin, 201 + margin)
    changed[inside] = picture[inside]
    np.testing.assert_array_equal(
        resample(changed, box, width=size, height=size), resample(picture, box, width=size, height=size)
    )


def test_processors_agree(picture, monkeypatch):
    def resampled(extensions):
        resizer = module.Resizer()
        resizer.cpu_extensions = extensions
        monkeypatch.setattr(module, "_resizer", lambda: resizer)
        return resample(picture, Box(0, 0, SIDE, SIDE), width=260, height=211)

    plain = resampled(CpuExtensions.none)
    fastest = module.Resizer().cpu_extensions
    assert fastest is not CpuExtensions.none
    np.testing.assert_array_equal(resampled(fastest), plain)
