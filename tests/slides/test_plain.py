"""Plain pictures are slides; what cannot be read says what it is."""

import struct
import zlib

import numpy as np
import openslide
import pytest
import tifffile
from PIL import Image

from slidemill.slides import (
    NotBrightfieldError,
    SlideError,
    UnreadableSlideError,
    UnsupportedSlideError,
    open_slide,
    plain_reader,
    read_square,
)
from slidemill.slides.resample import Box, resample
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store
from slidemill.units import TilePixels

WIDTH, HEIGHT = 700, 500
JPEG_ERROR = 6  # grey levels, mean


@pytest.fixture(scope="module")
def pixels():
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    return np.stack([x * 255 // WIDTH, y * 255 // HEIGHT, (x // 40 + y // 40) % 2 * 120 + 60], axis=-1).astype(np.uint8)


def save(path, pixels):
    if path.suffix == ".tif":
        tifffile.imwrite(path, pixels, photometric="rgb", rowsperstrip=16, compression="lzw", metadata=None)
    else:
        Image.fromarray(pixels).save(path, **({"quality": 95} if path.suffix == ".jpg" else {}))
    return path


@pytest.mark.parametrize("reader", ["auto", "openslide"])
@pytest.mark.parametrize("name", ["s.png", "s.jpg", "s.tif"])
def test_it_is_read_as_any_slide(tmp_path, pixels, name, reader):
    with open_slide(save(tmp_path / name, pixels), reader) as slide:
        assert slide.name == "plain"
        assert (slide.properties.width, slide.properties.height) == (WIDTH, HEIGHT)
        tile = read_square(slide, 100, 60, extent=200, size=200).astype(int)
        assert np.abs(tile - pixels[60:260, 100:300]).mean() <= (JPEG_ERROR if name == "s.jpg" else 0)
        assert slide.overview(350).shape == (250, 350, 3)
        outside = read_square(slide, WIDTH - 50, HEIGHT - 30, extent=100, size=100)
        assert (outside[30:] == 255).all()
        assert (outside[:, 50:] == 255).all()


def test_tiles_side_by_side_are_the_whole_picture_resampled(tmp_path, pixels):
    whole = resample(pixels, Box(0, 0, 560, 280), width=200, height=100)
    with open_slide(save(tmp_path / "s.png", pixels)) as slide:
        corners = np.array([(0, 0), (280, 0)])
        tiles = slide.map_tiles(lambda _, tile: tile.copy(), corners, extent=280, size=100, threads=2)
        assert np.abs(np.concatenate(list(tiles), axis=1).astype(int) - whole).max() <= 1


def test_what_is_transparent_is_white(tmp_path, pixels):
    alpha = np.full((HEIGHT, WIDTH, 1), 255, np.uint8)
    alpha[:, :100] = 0
    path = tmp_path / "s.png"
    Image.fromarray(np.concatenate([pixels, alpha], axis=-1)).save(path)
    with open_slide(path) as slide:
        tile = read_square(slide, 50, 0, extent=100, size=100)
    assert (tile[:, :50] == 255).all()
    np.testing.assert_array_equal(tile[:, 50:], pixels[:100, 100:150])


def cut(path, folder, sheet_mpp):
    parameters = TilingParameters(0.5, TilePixels(128), max_background=0.5, jpeg_quality=85)
    source = SlideSource(path, "S", "P", sheet_mpp=sheet_mpp)
    return tile_slide(source, parameters, records=folder / "s.tfrecord", store=folder / "s.zarr.zip")


def test_the_sheets_resolution_makes_it_a_slide(draw_slide, tmp_path):
    with openslide.OpenSlide(draw_slide("nests 20x 0.9x0.8mm")) as drawn:
        Image.fromarray(np.asarray(drawn.read_region((0, 0), 0, drawn.dimensions).convert("RGB"))).save(
            tmp_path / "core.png"
        )
    summary = cut(tmp_path / "core.png", tmp_path, 0.5)
    assert (summary.status, summary.reader, summary.slide.mpp_source) == ("usable", "plain", "slide sheet")
    of_slide = tmp_path / "of_slide"
    of_slide.mkdir()
    cut(draw_slide("nests 20x 0.9x0.8mm"), of_slide, None)
    ours, theirs = (read_store(folder / "s.zarr.zip").coordinates for folder in (tmp_path, of_slide))
    assert {*map(tuple, ours.tolist())} == {*map(tuple, theirs.tolist())}
    assert "Fill in its 'mpp' column" in cut(tmp_path / "core.png", tmp_path, None).reason


@pytest.mark.parametrize("name", ["s.png", "s.jpg", "s.tif"])
def test_a_picture_that_is_too_large_is_told_how_to_get_tiles(tmp_path, pixels, name, monkeypatch):
    path = save(tmp_path / name, pixels)
    monkeypatch.setattr(plain_reader, "LARGEST_PLAIN_PX", WIDTH * HEIGHT - 1)
    told = f"without tiles, which is not read. Write it in tiles: vips tiffsave {name} NEW.tif --tile --pyramid"
    with pytest.raises(UnsupportedSlideError, match=told), open_slide(path):
        pass


@pytest.mark.parametrize("side", [10_001, 60_000, 2**31 - 1])
def test_a_decompression_bomb_is_not_decoded(tmp_path, side):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", side, side, 8, 2, 0, 0, 0)
    path = tmp_path / "s.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))))
    with pytest.raises(SlideError, match="million pixels without tiles"), open_slide(path):
        pass


@pytest.mark.parametrize("name", ["s.png", "s.jpg", "s.tif"])
def test_a_picture_cut_short(tmp_path, pixels, name):
    path = save(tmp_path / name, pixels)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    with pytest.raises(UnreadableSlideError, match="The file may be cut short"), open_slide(path):
        pass


GREY = np.zeros((256, 256), np.uint8)


@pytest.mark.parametrize(
    ("save_to", "told"),
    [
        (lambda path: Image.fromarray(GREY).save(path, "PNG"), "no brightfield RGB image .1 channel"),
        (lambda path: Image.fromarray(GREY).convert("LA").save(path, "PNG"), "2 channels"),
        (lambda path: Image.fromarray(GREY).convert("CMYK").save(path, "JPEG"), "inks of a printer"),
        (lambda path: Image.fromarray(GREY.astype(np.uint16)).save(path, "PNG"), "16 bits"),
        (lambda path: tifffile.imwrite(path, GREY), "1 channel of 8 bits"),
        (lambda path: tifffile.imwrite(path, np.stack([GREY] * 2, -1), planarconfig="contig"), "2 channels of 8 bits"),
        (
            lambda path: tifffile.imwrite(path, np.stack([GREY] * 2), tile=(128, 128), metadata=None),
            "1 channel of 8 bits",
        ),
        (
            lambda path: tifffile.imwrite(path, np.stack([GREY] * 5, -1), tile=(128, 128), planarconfig="contig"),
            "5 channels of 8 bits",
        ),
    ],
)
def test_no_picture_in_colour_is_told_by_its_channels(tmp_path, save_to, told):
    save_to(tmp_path / "s.tif")
    with pytest.raises(NotBrightfieldError, match=told), open_slide(tmp_path / "s.tif"):
        pass


@pytest.mark.parametrize("options", [{}, {"tile": (128, 128)}])
def test_deep_colours_are_told_how_to_become_8_bit(tmp_path, options):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.zeros((256, 256, 3), np.uint16), photometric="rgb", **options)
    with pytest.raises(UnsupportedSlideError, match=r"16-bit colours.*vips colourspace"), open_slide(path):
        pass
    Image.fromarray(np.zeros((9, 9, 3), np.uint8)).save(tmp_path / "s.png")
    content = bytearray((tmp_path / "s.png").read_bytes())
    content[24] = 16
    content[29:33] = struct.pack(">I", zlib.crc32(content[12:29]))
    (tmp_path / "s.png").write_bytes(content)
    with pytest.raises(UnsupportedSlideError, match="16-bit colours"), open_slide(tmp_path / "s.png"):
        pass


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("s.vsi", b"II*\0" + bytes(600), "an Olympus VSI file"),
        ("s.lif", b"\x70\0\0\0" + bytes(600), "s.lif is a Leica LIF file, which is not read. Convert it: bfconvert"),
        ("s.nd2", b"\xda\xce\xbe\x0a" + bytes(600), "a Nikon ND2 file"),
        ("s.isyntax", b"<DataObject ObjectType" + bytes(600), "a Philips iSyntax file"),
        ("s.mrxs", b"\xff\xd8\xff" + bytes(600), "a MIRAX file without its folder"),
        ("s.dcm", bytes(128) + b"DICM" + bytes(600), "a DICOM file that is no whole-slide image"),
        ("s.jp2", b"\x00\x00\x00\x0cjP  \r\n\x87\n" + bytes(600), "a JPEG 2000 file"),
        ("s.bmp", b"BM" + bytes(600), "a BMP picture, which is not read. Save it as PNG"),
        ("s.zip", b"PK\x03\x04" + bytes(600), "a zip archive, which is not read. Unpack it"),
        ("s.svs", b"\x1f\x8b" + bytes(600), "a gzip archive"),
    ],
)
@pytest.mark.parametrize("reader", ["auto", "openslide"])
def test_another_kind_of_file_is_named(tmp_path, name, content, told, reader):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UnsupportedSlideError, match=told), open_slide(tmp_path / name, reader):
        pass


def test_a_folder_is_told_which_file_to_name(tmp_path):
    with pytest.raises(UnsupportedSlideError, match=r"is a folder.*Name a file: the .mrxs"), open_slide(tmp_path):
        pass
