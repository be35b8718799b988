"""Writes a picture as Aperio's scanners do: a pyramidal TIFF of JPEG tiles with thumbnail, label and macro image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import simplejpeg

from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.tiff import Directory, write_tiff

TILE_PX = 256
_QUALITY = 80
_LIBRARY = "Aperio Image Library v12.0.15 (drawn by slidemill) \r\n"
_FULL, _REDUCED, _MACRO = 0, 1, 9  # NewSubfileType of levels and thumbnail, of the label, of the macro image

Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of the pyramid: its size in pixels and its JPEG tiles, row by row."""

    width: int
    height: int
    tiles: list[bytes]


def encode(pixels: Pixels) -> bytes:
    """JPEG of (height, width, 3 or 4) pixels, the fourth channel left out, with the colour at half the resolution."""
    colours = "RGBX" if pixels.shape[2] == 4 else "RGB"
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), _QUALITY, colours, "420"))


def write_svs(
    path: Path, *, recipe: Recipe, levels: list[Level], thumbnail: Pixels, label: Pixels, macro: Pixels
) -> None:
    """Write the file: first the full level, then the thumbnail, the other levels, the label and the macro image.

    Source of the order and of the descriptions: Aperio's own files, and https://openslide.org/formats/aperio/.
    """
    full = levels[0]
    facts = f"AppMag = {recipe.power}|MPP = {recipe.mpp.um_per_px:.4f}"
    area = f"{full.width}x{full.height} [0,0 {full.width}x{full.height}] ({TILE_PX}x{TILE_PX})"
    codec = f"JPEG/YCC Q={_QUALITY}"
    small = f"{full.width}x{full.height} -> {_size(thumbnail)} - "
    directories = [
        _tiled(full, f"{_LIBRARY}{area} {codec}|{facts}"),
        _stripped(thumbnail, f"{_LIBRARY}{small}|{facts}", _FULL),
        *(_tiled(level, f"{_LIBRARY}{area} -> {level.width}x{level.height} {codec}|{facts}") for level in levels[1:]),
        _stripped(label, f"{_LIBRARY}label {_size(label)}", _REDUCED),
        _stripped(macro, f"{_LIBRARY}macro {_size(macro)}", _MACRO),
    ]
    write_tiff(path, directories)


def _tiled(level: Level, description: str) -> Directory:
    return Directory(level.width, level.height, level.tiles, TILE_PX, description, _FULL)


def _stripped(pixels: Pixels, description: str, kind: int) -> Directory:
    return Directory(pixels.shape[1], pixels.shape[0], [encode(pixels)], None, description, kind)


def _size(pixels: Pixels) -> str:
    return f"{pixels.shape[1]}x{pixels.shape[0]}"
