"""TIFF slides of every codec and layout that the direct reader knows, written by tifffile."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
import tifffile
from scipy import ndimage

APERIO = "Aperio Image Library|AppMag = 20|MPP = 0.5"
WIDTH, HEIGHT = 700, 600


@dataclass(frozen=True)
class Case:
    """How a slide is written.

    Attributes:
        name: for the test's id.
        options: of `tifffile.TiffWriter.write`.
        file: of `tifffile.TiffWriter`.
        tile: height and width of the tiles.
    """

    name: str
    options: dict[str, Any]
    file: dict[str, Any] = field(default_factory=dict)
    tile: tuple[int, int] = (128, 128)


def _jpeg(name, photometric, subsampling=(1, 1), **other):
    return Case(name, _jpeg_options(photometric, subsampling), **other)


def _jpeg_options(photometric, subsampling):
    options = {"compression": "jpeg", "photometric": photometric, "subsampling": subsampling}
    # Without being told so, tifffile makes YCbCr of RGB.
    return options | ({"compressionargs": {"outcolorspace": "rgb"}} if photometric == "rgb" else {})


CASES = [
    _jpeg("JPEG RGB", "rgb"),
    _jpeg("JPEG YCbCr 4:4:4", "ycbcr"),
    _jpeg("JPEG YCbCr 4:2:2", "ycbcr", (2, 1)),
    _jpeg("JPEG YCbCr 4:2:0", "ycbcr", (2, 2)),
    _jpeg("JPEG BigTIFF", "ycbcr", (2, 2), file={"bigtiff": True}),
    _jpeg("JPEG big-endian BigTIFF", "rgb", file={"bigtiff": True, "byteorder": ">"}),
    _jpeg("JPEG tiles of 240", "ycbcr", (2, 2), tile=(240, 240)),
    _jpeg("JPEG tiles of 64 x 256", "ycbcr", (2, 2), tile=(64, 256)),
    _jpeg("JPEG one tile", "ycbcr", (2, 2), tile=(608, 704)),
    Case("JPEG 2000 YCbCr", {"compression": 33003, "photometric": "ycbcr", "description": APERIO}),
    Case("JPEG 2000 RGB", {"compression": 33005, "photometric": "rgb", "description": APERIO}),
    Case("LZW", {"compression": "lzw", "photometric": "rgb"}),
    Case("LZW of differences", {"compression": "lzw", "photometric": "rgb", "predictor": True}),
    Case("deflate", {"compression": "adobe_deflate", "photometric": "rgb"}),
    Case("old deflate", {"compression": "deflate", "photometric": "rgb"}),
    Case("uncompressed", {"compression": None, "photometric": "rgb"}),
]


def texture(height=HEIGHT, width=WIDTH, sigma=6.0):
    """A picture of which every pixel differs from its neighbours, in colour."""
    noise = np.random.default_rng(5).normal(size=(height, width, 3))
    smooth = ndimage.gaussian_filter(noise, (sigma, sigma, 0))
    return np.clip(150 + smooth * (45 / smooth.std()), 0, 255).astype(np.uint8)


def write(path: Path, case: Case, levels: list[np.ndarray] | None = None) -> Path:
    """Write a slide; its further levels are reduced images."""
    with tifffile.TiffWriter(path, **case.file) as writer:
        for number, pixels in enumerate(levels or [texture()]):
            writer.write(pixels, tile=case.tile, subfiletype=int(number > 0), metadata=None, **case.options)
    return path


def write_with_shared_tables(path: Path, pixels: np.ndarray, photometric: str, missing: tuple[int, ...] = ()) -> Path:
    """Write JPEG tiles without tables, which stand in the tag JPEGTables, and some of no bytes."""
    side = 128
    padded = np.pad(pixels, ((0, -pixels.shape[0] % side), (0, -pixels.shape[1] % side), (0, 0)))
    segments, tables = [], b""
    for top in range(0, padded.shape[0], side):
        for left in range(0, padded.shape[1], side):
            tile = np.ascontiguousarray(padded[top : top + side, left : left + side])
            jpeg = simplejpeg.encode_jpeg(tile, quality=90, colorsubsampling="420")
            own, tables = _without_tables(jpeg)
            segments.append(b"" if len(segments) in missing else own)
    with tifffile.TiffWriter(path) as writer:
        writer.write(
            iter(segments),
            shape=pixels.shape,
            dtype=np.uint8,
            tile=(side, side),
            **_jpeg_options(photometric, (2, 2) if photometric == "ycbcr" else (1, 1)),
            jpegtables=tables,
            metadata=None,
        )
    return path


def _without_tables(jpeg: bytes) -> tuple[bytes, bytes]:
    own, tables, place = b"\xff\xd8", b"\xff\xd8", 2
    while jpeg[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(jpeg[place + 2 : place + 4], "big")
        segment = jpeg[place:end]
        if segment[1] in (0xDB, 0xC4):
            tables += segment
        elif segment[1] != 0xE0:
            own += segment
        place = end
    return own + jpeg[place:], tables + b"\xff\xd9"
