"""Files that are no slides, or damaged ones: an error with a reason, in no time and in little memory."""

import importlib.util
import resource
import struct
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile

from slidemill.slides import NotBrightfieldError, SlideError, UnreadableSlideError, open_slide, openslide_reader
from slidemill.slides.openslide_reader import NoPyramidError
from slidemill.slides.tiff_file import open_tiff

_SPEC = importlib.util.spec_from_file_location("tiff_cases", Path(__file__).with_name("tiff_cases.py"))
cases = importlib.util.module_from_spec(_SPEC)
_SPEC.loader.exec_module(cases)

READERS = ("auto", "direct")


def use(path, reader="auto"):
    """Do with a slide what tiling does."""
    with open_slide(path, reader) as slide:
        properties = slide.properties
        slide.overview(32)
        extent = max(1, min(properties.width, properties.height) // 3)
        corners = np.array([(0, 0), (extent, 0), (extent, extent)])
        list(slide.map_tiles(lambda number, pixels: pixels.sum(), corners, extent=extent, size=32))


@pytest.fixture(scope="module")
def small_slides(tmp_path_factory):
    """The bytes of a small slide of each kind."""
    folder = tmp_path_factory.mktemp("small")
    chosen = [case for case in cases.CASES if "tile" not in case.name and "2000 Y" not in case.name]
    pixels = cases.texture(160, 200)
    return {
        case.name: cases.write(folder / "s.tif", replace(case, tile=(64, 64)), [pixels, pixels[::2, ::2]]).read_bytes()
        for case in chosen
    }


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "the file is empty"),
        (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "it is a text, such as a server's error message"),
        (b'<?xml version="1.0"?><Error><Code>NoSuchKey</Code></Error>', "it is a text"),
        (b'{"message": "internal server error"}', "it is a text"),
        (b"\x00" * 1000, "Unsupported or missing image file"),
        (b"II*\x00", "Unsupported"),
        (b"II*\x00\x08\x00\x00\x00", "should have"),
        (b"MM\x00*\xff\xff\xff\xff" + bytes(100), "should have"),
    ],
)
def test_what_is_no_slide_is_told_so(tmp_path, content, reason):
    path = tmp_path / "s.svs"
    path.write_bytes(content)
    with pytest.raises(UnreadableSlideError, match=reason):
        use(path)


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("share", [0.02, 0.3, 0.6, 0.9, 0.999])
def test_a_slide_cut_short(tmp_path, draw_slide, share, reader):
    whole = draw_slide("glands 20x 0.4x0.4mm").read_bytes()
    path = tmp_path / "s.svs"
    path.write_bytes(whole[: int(share * len(whole))])
    with pytest.raises(UnreadableSlideError):
        use(path, reader)


def changed(path, tag, value, directory=0):
    """Overwrite the first value of a tag."""
    with open_tiff(path) as file:
        entry = file.directories[directory]._entries[tag]
    width = {3: "H", 4: "I", 16: "Q"}[entry.kind]
    with path.open("r+b") as slide:
        slide.seek(entry.place)
        slide.write(struct.pack("<" + width, value))


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({256: 2**31, 257: 2**31}, "an image of 2147483648 x 2147483648 pixels"),
        ({256: 2**20, 257: 2**20}, "offsets"),
        ({256: 0}, "an image of 0 x"),
        ({322: 2**15, 323: 2**15}, "tiles of 32768 x 32768"),
        ({322: 0}, "tiles of 0 x"),
        ({324: 2**31}, "behind its end|should have"),
        ({325: 2**31}, "behind its end|should have|compressed tile"),
    ],
)
@pytest.mark.parametrize("reader", READERS)
def test_a_header_that_lies_costs_neither_time_nor_memory(tmp_path, tags, reason, reader):
    path = tmp_path / "s.tif"
    with tifffile.TiffWriter(path, bigtiff=True) as writer:
        options = {"compression": "jpeg", "photometric": "rgb", "metadata": None}
        writer.write(cases.texture(), tile=(128, 128), **options)
    for tag, value in tags.items():
        changed(path, tag, value)
    before, started = peak_mb(), time.process_time()
    with pytest.raises(UnreadableSlideError, match=reason):
        use(path, reader)
    assert time.process_time() - started < 60  # not the hours that it says
    assert peak_mb() - before < 100


def peak_mb():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


@pytest.mark.parametrize("sides", [(0, 65535), (65535, 65535), (128, 129)])
def test_a_jpeg_tile_larger_than_its_tiff_says_is_not_decoded(tmp_path, sides):
    path = cases.write(tmp_path / "s.tif", cases.CASES[0])
    content = bytearray(path.read_bytes())
    frame = content.index(b"\xff\xc0\x00\x11\x08")
    content[frame + 5 : frame + 9] = struct.pack(">HH", *sides)
    path.write_bytes(content)
    with pytest.raises(UnreadableSlideError, match="a JPEG tile of"):
        use(path)


def test_a_chain_of_directories_without_an_end(tmp_path):
    path = cases.write(tmp_path / "s.tif", cases.CASES[0])
    with path.open("r+b") as slide:
        slide.seek(4)
        (first,) = struct.unpack("<I", slide.read(4))
        slide.seek(first)
        (count,) = struct.unpack("<H", slide.read(2))
        slide.seek(first + 2 + 12 * count)
        slide.write(struct.pack("<I", first))
    with pytest.raises(UnreadableSlideError, match="does not end"):
        use(path)


@pytest.mark.parametrize(
    ("shape", "dtype", "found"),
    [((256, 256), np.uint8, "1 channel of 8 bits"), ((256, 256), np.uint16, "1 channel of 16 bits")],
)
def test_a_fluorescence_slide(tmp_path, shape, dtype, found):
    path = tmp_path / "s.tif"
    tifffile.imwrite(path, np.zeros(shape, dtype), tile=(128, 128), compression="adobe_deflate", metadata=None)
    with pytest.raises(NotBrightfieldError, match=f"no brightfield RGB image .{found}"):
        use(path)


def mutate(rng, content):
    """Change a few bytes, numbers of the header, or cut the end off."""
    changed = bytearray(content)
    header_end = 4096
    for _ in range(rng.integers(1, 4)):
        kind = rng.integers(5)
        place = int(rng.integers(len(changed) - 8))
        if kind == 0:
            changed[place] = rng.integers(256)
        elif kind == 1:
            place = int(rng.integers(min(header_end, len(changed)) - 8))
            changed[place] ^= 1 << rng.integers(8)
        elif kind == 2:
            place = int(rng.integers(min(header_end, len(changed)) - 8))
            value = int(rng.choice([0, 1, 2**16 - 1, 2**31 - 1, 2**31, 2**32 - 1]))
            changed[place : place + 4] = struct.pack("<I", value)
        elif kind == 3:
            length = int(rng.integers(1, 200))
            changed[place : place + length] = rng.bytes(len(changed[place : place + length]))
        elif rng.random() < 0.2:
            del changed[place:]
            break
    return bytes(changed)


@pytest.mark.slow
@pytest.mark.parametrize("part", range(4))
def test_mutated_slides_are_read_or_refused(tmp_path, small_slides, part):
    """Of every kind of slide, more than 3,000 in all: no other error, no long time, no great memory."""
    rng = np.random.default_rng(part)
    path = tmp_path / "s.tif"
    before, refused, count = peak_mb(), 0, 0
    for content in small_slides.values():
        for _ in range(70):
            path.write_bytes(mutate(rng, content))
            started = time.process_time()
            try:
                use(path, "direct")
            except SlideError:
                refused += 1
            assert time.process_time() - started < 60  # not the hours that it says
            count += 1
    assert 0.2 * count < refused < 0.98 * count
    assert peak_mb() - before < 400


def test_a_huge_slide_without_a_pyramid_that_only_openslide_reads_is_refused(tmp_path, monkeypatch):
    path = cases.write(tmp_path / "s.tif", cases.Case("", {"compression": "zstd", "photometric": "rgb"}))
    use(path)
    monkeypatch.setattr(openslide_reader, "_MOST_OVERVIEW_PX", cases.WIDTH * cases.HEIGHT - 1)
    with pytest.raises(NoPyramidError, match=rf"than {cases.WIDTH} x {cases.HEIGHT} pixels.*Add a pyramid"):
        use(path)
    half = cases.texture()[::2, ::2]
    with_pyramid = cases.write(tmp_path / "p.tif", cases.Case("", {"photometric": "rgb"}), [cases.texture(), half])
    use(with_pyramid, "openslide")
