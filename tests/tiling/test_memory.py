"""A slide of 100,000 pixels a side is cut with little memory, whatever it lacks."""

import os
import re
import struct
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from scipy import ndimage

from slidemill.tiling.store import read_summary

SCRIPT = Path(__file__).parents[2] / "scripts" / "tile_slide.py"
TILE = 256
ACROSS = 400  # source tiles along a side: 102,400 pixels
BLOCK = 16  # source tiles along a side of a piece of tissue
LONG, RATIONAL, LONG8 = 4, 5, 16
MEASURED = """
import os, runpy, sys
sys.argv = sys.argv[1:]
try:
    sys.path.insert(0, os.path.dirname(sys.argv[0]))
    runpy.run_path(sys.argv[0], run_name="__main__")
finally:
    print(open("/proc/self/status").read())
"""


def jpeg(tissue):
    """A source tile of tissue or of glass."""
    noise = ndimage.gaussian_filter(np.random.default_rng(1).normal(size=(TILE, TILE, 1)), (2, 2, 0))
    colour = np.array((215, 130, 190) if tissue else (241, 240, 242))
    pixels = colour + noise / noise.std() * (25 if tissue else 1)
    return simplejpeg.encode_jpeg(np.clip(pixels, 0, 255).astype(np.uint8), quality=90, colorsubsampling="420")


def write_huge_slide(path, levels):
    """A BigTIFF whose source tiles all lie at one of two places, so that it takes some megabytes."""
    kinds = [jpeg(False), jpeg(True)]
    with path.open("wb") as file:
        file.write(b"II" + struct.pack("<HHHQ", 43, 8, 0, 0))
        places = []
        for kind in kinds:
            places.append(file.tell())
            file.write(kind)
        link = 8
        for level in range(levels):
            across, block = ACROSS // 4**level, max(1, BLOCK // 4**level)
            rows, columns = np.mgrid[0:across, 0:across] // block
            kind = ((rows % 5 == 2) & (columns % 5 == 2)).astype(int).ravel()
            offsets, lengths = np.array(places)[kind], np.array([len(k) for k in kinds])[kind]
            link = write_directory(file, link, across * TILE, offsets, lengths, reduced=level > 0)
    return path


def write_directory(file, link, side, offsets, lengths, *, reduced):
    numbers = {254: int(reduced), 256: side, 257: side, 259: 7, 262: 6, 277: 3, 284: 1, 296: 3, 322: TILE, 323: TILE}
    entries = {tag: (LONG, 1, struct.pack("<Ixxxx", value)) for tag, value in numbers.items()}
    entries[258] = (3, 3, struct.pack("<HHHxx", 8, 8, 8))
    entries[530] = (3, 2, struct.pack("<HHxxxx", 2, 2))
    entries[282] = entries[283] = (RATIONAL, 1, struct.pack("<II", 20000, 1))  # half a micron
    for tag, values in ((324, offsets), (325, lengths)):
        entries[tag] = (LONG8, len(values), struct.pack("<Q", file.tell()))
        file.write(values.astype("<u8").tobytes())
    start = file.tell()
    file.write(struct.pack("<Q", len(entries)))
    for tag, (kind, count, value) in sorted(entries.items()):
        file.write(struct.pack("<HHQ", tag, kind, count) + value)
    following = file.tell()
    file.write(bytes(8))
    file.seek(link)
    file.write(struct.pack("<Q", start))
    file.seek(0, os.SEEK_END)
    return following


@pytest.mark.slow
@pytest.mark.parametrize(
    ("levels", "mpp", "reader"), [(3, 0.5, "direct"), (1, 0.5, "direct"), (3, 0.55, "direct"), (3, 1.0, "openslide")]
)
def test_a_slide_of_a_hundred_thousand_pixels_a_side(tmp_path, levels, mpp, reader):
    slide = write_huge_slide(tmp_path / "huge.tif", levels)
    records, store = tmp_path / "s.tfrecord", tmp_path / "s.zarr.zip"
    command = [SCRIPT, "--slide", slide, "--slide-id", "S", "--patient-id", "P", "--threads", "2"]
    command += ["--mpp", str(mpp), "--tile-size", "512", "--max-background", "0.5", "--jpeg-quality", "85"]
    command += ["--reader", reader, "--store", store, records]
    peak_mb = peak_memory_mb(command)
    summary = read_summary(store)
    assert (summary.slide.width, summary.slide.height) == (102_400, 102_400)
    assert summary.tile_count == pytest.approx(25 * (BLOCK * TILE * 0.5 / 512 / mpp) ** 2, rel=0.15)
    assert peak_mb < 500
    print(f"{summary.tile_count} tiles, {peak_mb:.0f} MB")


def peak_memory_mb(command):
    """VmHWM is of the program alone; ru_maxrss would start with what this process had when it started the other."""
    process = subprocess.run(
        [sys.executable, "-c", MEASURED, *map(str, command)], check=True, stdout=subprocess.PIPE, text=True
    )
    return int(re.search(r"VmHWM:\s+(\d+) kB", process.stdout)[1]) / 1024
