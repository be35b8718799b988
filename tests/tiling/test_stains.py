"""Tissue is found whatever its stain, and marks of a pen are still told from it.

Stains are made from the drawn and the real H&E: its densities are taken apart into haematoxylin and eosin, and put
together again with the colours of other dyes (Ruifrok and Johnston 2001).
"""

import numpy as np
import openslide
import pytest
import tifffile
from scipy import ndimage

from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

HAEMATOXYLIN, EOSIN, DAB = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11], [0.27, 0.57, 0.78]])
ANILINE_BLUE, PONCEAU, LIGHT_GREEN = np.array([[0.80, 0.59, 0.11], [0.10, 0.74, 0.67], [0.84, 0.33, 0.43]])
MELANIN = np.array([0.75, 0.95, 1.12])
GLASS = np.array([241, 240, 242])
SIZE = 256


def smooth(shape, sigma):
    """Noise of mean 0 and standard deviation 1."""
    coarse = np.random.default_rng(3).normal(size=[int(side / sigma) + 4 for side in shape])
    field = ndimage.zoom(coarse, sigma, order=1)[: shape[0], : shape[1]]
    return ((field - field.mean()) / field.std())[..., None]


def restained(pixels, name):
    density = np.maximum(-np.log10(np.maximum(pixels, 1) / GLASS), 0)
    amounts = np.maximum(density @ np.linalg.pinv(np.stack([HAEMATOXYLIN, EOSIN])), 0)
    nuclei, rest = amounts[..., :1], amounts[..., 1:]
    patches = smooth(pixels.shape[:2], 200) > 0
    grains = np.clip(smooth(pixels.shape[:2], 12) - 0.5, 0, 1.3) + 0.2
    is_tissue = ndimage.uniform_filter(density.sum(axis=-1), 20)[..., None] > 0.15
    stained = {
        "DAB in nuclei": 1.3 * nuclei * DAB + 0.25 * rest * HAEMATOXYLIN,
        "DAB in cytoplasm": 0.7 * nuclei * HAEMATOXYLIN + rest * DAB,
        "DAB, strong": 0.6 * nuclei * HAEMATOXYLIN + 2 * rest * DAB,
        "Masson's trichrome": nuclei * HAEMATOXYLIN + rest * np.where(patches, ANILINE_BLUE, PONCEAU),
        "blue collagen": nuclei * HAEMATOXYLIN + rest * ANILINE_BLUE,
        "Goldner's trichrome": nuclei * HAEMATOXYLIN + rest * np.where(patches, LIGHT_GREEN, PONCEAU),
        "green collagen": nuclei * HAEMATOXYLIN + rest * LIGHT_GREEN,
        "melanin": density + is_tissue * patches * grains * MELANIN,
        "melanin all over": density + is_tissue * grains * MELANIN,
        "H&E, thick": 1.7 * density,
    }[name]
    return (GLASS * 10**-stained).astype(np.uint8)


LEAST_SHARES = {"drawn": 0.9, "real": 0.45}  # of the tiles of H&E

STAINS = [
    "DAB in nuclei",
    "DAB in cytoplasm",
    "DAB, strong",
    "Masson's trichrome",
    "blue collagen",
    "Goldner's trichrome",
    "green collagen",
    "melanin",
    "melanin all over",
    "H&E, thick",
]


def level_0(path):
    with openslide.OpenSlide(path) as slide:
        return np.asarray(slide.read_region((0, 0), 0, slide.dimensions).convert("RGB"))


def cut(folder, pixels, **changes):
    options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
    resolution = {"resolution": (20000, 20000), "resolutionunit": "CENTIMETER"}
    tifffile.imwrite(folder / "s.tif", pixels, tile=(256, 256), **resolution, **options)
    parameters = TilingParameters(0.5, TilePixels(SIZE), max_background=0.5, jpeg_quality=85, **changes)
    source = SlideSource(folder / "s.tif", "S", "P")
    tile_slide(source, parameters, records=folder / "s.tfrecord", store=folder / "s.zarr.zip")
    return read_store(folder / "s.zarr.zip")


@pytest.fixture(scope="module")
def drawn(draw_slide):
    return level_0(draw_slide("nests 20x 0.8x0.8mm"))


@pytest.fixture(scope="module", params=["drawn", "real"])
def tissue(request):
    if request.param == "real":
        return level_0(request.getfixturevalue("real_slide"))
    return request.getfixturevalue("drawn")


@pytest.fixture(scope="module")
def of_he(tissue, tmp_path_factory):
    return cut(tmp_path_factory.mktemp("he"), tissue).summary.tile_count


@pytest.mark.slow
@pytest.mark.parametrize("stain", STAINS)
def test_tissue_of_any_stain_is_found_and_is_no_ink(request, tissue, of_he, tmp_path, stain):
    store = cut(tmp_path, restained(tissue, stain))
    # A part of the real slide becomes too pale to be told from glass.
    least = LEAST_SHARES[request.node.callspec.params["tissue"]]
    assert store.summary.tile_count >= least * of_he > 8
    assert store.summary.flagged.get("pen_marks", 0) <= 0.1 * store.summary.tile_count


@pytest.mark.slow
@pytest.mark.parametrize("ink", [(0.80, 0.63, 0.20), (0.92, 0.29, 0.56), (0.80, 0.80, 0.78), (0.11, 0.75, 0.70)])
def test_a_pen_on_another_stain_is_found(drawn, tmp_path, ink):
    pixels = restained(drawn, "Masson's trichrome")
    stroke = slice(700, 1100)
    pixels[stroke] = pixels[stroke] * 10 ** -np.array(ink)
    store = cut(tmp_path, pixels)
    tops = store.coordinates[:, 1]
    under = (tops >= stroke.start - 128) & (tops + SIZE <= stroke.stop + 128)
    flagged = store.quality == 1
    assert flagged[under].all()
    assert "pen_marks" in store.summary.flags
    far = (tops > stroke.stop + 100) | (tops + SIZE < stroke.start - 100)
    assert far.any()
    assert flagged[far].mean() < 0.15


def inked(drawn):
    """A slide on which all tissue lies under ink that lets no light through."""
    is_tissue = ndimage.binary_closing(drawn[::8, ::8, 1] < 215, iterations=4).repeat(8, axis=0).repeat(8, axis=1)
    noise = np.random.default_rng(0).normal(0, 2, drawn.shape)
    rows, columns = drawn.shape[:2]
    ink = np.where(is_tissue[:rows, :columns, None], (40, 60, 160), GLASS)
    return np.clip(ink + noise, 0, 255).astype(np.uint8)


def test_a_slide_under_ink_is_told_so_and_what_to_set(drawn, tmp_path):
    summary = cut(tmp_path, inked(drawn)).summary
    assert summary.status == "set_aside"
    assert "% of what is stained looks like ink. If its thumbnail shows tissue there, set tiling.ink: ignore." in (
        summary.reason
    )


def test_ink_is_not_looked_for_on_request(drawn, tmp_path):
    store = cut(tmp_path, inked(drawn), ink="ignore")
    assert store.summary.status == "usable"
    assert not store.ink_fraction.any()
    assert "pen_marks" not in store.summary.flags
