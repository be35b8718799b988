import numpy as np
import pytest
import tifffile

from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import AnnotationError, areas_by_name
from slidemill.annotations.shares import tile_shares

WIDTH, HEIGHT = 4000, 3000
SLIDE = AnnotatedSlide(WIDTH, HEIGHT, 0.5)


def drawn_mask(factor=1, seed=1):
    """Classes 1 and 2 as blobs, and one pixel of class 5."""
    height, width = HEIGHT // factor, WIDTH // factor
    y, x = np.mgrid[:height, :width] * factor
    mask = np.zeros((height, width), np.uint8)
    mask[(x - 1000) ** 2 + (y - 900) ** 2 < 600**2] = 1
    mask[(x - 1000) ** 2 + (y - 900) ** 2 < 200**2] = 0
    mask[(abs(x - 2700) < 640) & (abs(y - 1900) < 512) & ((x + y) % 977 > 100)] = 2
    mask[7, 9] = 5
    return mask


def written(tmp_path, mask, **options):
    path = tmp_path / "mask.tif"
    tifffile.imwrite(path, mask, **({"tile": (256, 256), "compression": "deflate"} | options))
    return path


def shares_by_counting(mask, value, factor, extent, coordinates):
    full = np.kron(mask == value, np.ones((factor, factor)))
    return [full[y : y + extent, x : x + extent].mean() for x, y in coordinates]


@pytest.mark.parametrize("factor", [1, 4])
@pytest.mark.parametrize("layout", ["tiled", "strips", "rgb", "planes"])
def test_areas_are_those_of_the_pixels(tmp_path, factor, layout):
    mask = drawn_mask(factor)
    options = {}
    if layout == "strips":
        options = {"tile": None, "rowsperstrip": 17}
    if layout == "rgb":
        options = {"photometric": "rgb"}
        path = written(tmp_path, np.stack([mask, 0 * mask, 0 * mask], axis=-1), **options)
    elif layout == "planes":
        options = {"photometric": "rgb", "planarconfig": "separate"}
        path = written(tmp_path, np.stack([mask, 0 * mask, 0 * mask]), **options)
    else:
        path = written(tmp_path, mask, **options)
    areas = areas_by_name(read_annotations(path, SLIDE).regions)
    assert {name: area.area for name, area in areas.items()} == {
        str(value): np.count_nonzero(mask == value) * factor**2 for value in (1, 2, 5)
    }
    corners = np.array([[0, 0], [512, 300], [2000, 1300], [2900, 2200]])
    shares = tile_shares([areas["1"], areas["2"]], corners, 700)
    for column, value in enumerate((1, 2)):
        np.testing.assert_allclose(shares[:, column], shares_by_counting(mask, value, factor, 700, corners), atol=1e-6)


def test_a_size_that_was_rounded(tmp_path):
    mask = np.ones((HEIGHT // 16 + 1, WIDTH // 16), np.uint8)  # 188 x 250, for 187.5 x 250
    [region] = read_annotations(written(tmp_path, mask), SLIDE).regions
    assert region.area.bounds == (0, 0, 4000, 188 * 16)


def test_an_empty_mask(tmp_path):
    assert not read_annotations(written(tmp_path, np.zeros((HEIGHT, WIDTH), np.uint8)), SLIDE).regions


def test_another_slide(tmp_path):
    with pytest.raises(AnnotationError, match="which is another shape"):
        read_annotations(written(tmp_path, np.ones((1000, 1000), np.uint8)), SLIDE)


def test_pictures_and_measurements_are_no_masks(tmp_path):
    colour = np.random.default_rng(1).integers(0, 255, (HEIGHT // 4, WIDTH // 4, 3), np.uint8)
    with pytest.raises(AnnotationError, match="a picture in colour"):
        read_annotations(written(tmp_path, colour, photometric="rgb"), SLIDE)
    with pytest.raises(AnnotationError, match="pixels are float32"):
        read_annotations(written(tmp_path, np.ones((HEIGHT // 4, WIDTH // 4), np.float32)), SLIDE)


def test_a_mask_cut_short(tmp_path):
    path = written(tmp_path, drawn_mask())
    whole = path.read_bytes()
    for length in (9, len(whole) // 2, len(whole) - 200):
        path.write_bytes(whole[:length])
        with pytest.raises(AnnotationError):
            read_annotations(path, SLIDE)


def header_of(width, height, tile):
    """A TIFF that claims a size; its pixels are not there."""
    import struct

    tags = [(256, 4, 1, width), (257, 4, 1, height), (258, 3, 1, 8), (259, 3, 1, 8), (262, 3, 1, 1), (277, 3, 1, 1)]
    tags += [(322, 4, 1, tile), (323, 4, 1, tile), (324, 4, 1, 8), (325, 4, 1, 8)]
    entries = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + entries + struct.pack("<I", 0)


@pytest.mark.parametrize(("width", "height", "tile"), [(2**20, 2**20, 256), (46_400, 46_400, 46_400)])
def test_sizes_that_would_fill_the_memory(tmp_path, width, height, tile):
    path = tmp_path / "mask.tif"
    path.write_bytes(header_of(width, height, tile))
    with pytest.raises(AnnotationError):
        read_annotations(path, AnnotatedSlide(width, height, 0.25))


@pytest.mark.slow
def test_a_full_mask_of_billions_of_pixels(tmp_path):
    side = 46_080  # 2.1 billion pixels, of which no more than a tile is in the memory
    path = tmp_path / "mask.tif"
    tile = np.ones((1024, 1024), np.uint8)
    tiles = (tile for _ in range((side // 1024) ** 2))
    tifffile.imwrite(path, tiles, shape=(side, side), dtype=np.uint8, tile=(1024, 1024), compression="deflate")
    [region] = read_annotations(path, AnnotatedSlide(side, side, 0.25)).regions
    assert region.area.area == side * side
