"""Builds large slides in the layouts that cohorts have, of drawn tissue.

python benchmarks/tiling_layouts.py FOLDER NAME SIDE     writes one of them
"""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import imagecodecs
import ndpi
import numpy as np
import simplejpeg
import tifffile
from PIL import Image
from tissue_blocks import BLOCK_PX, block_at, drawn_blocks

_QUALITY = 92  # gives tiles of 20 kB, as real tissue has them
_RGB_DB, _YCBCR_DB = 36, 46  # peak signal to noise ratio; gives JPEG 2000 tiles of about the same size
_INTERVAL_PX = 1024  # between the restart markers of an NDPI file


@dataclass(frozen=True)
class SlideLayout:
    """A kind of slide, and how it is read.

    Attributes:
        description: what the table calls it.
        suffix: of its file.
        mpp: microns per pixel of level 0.
        read_mpp: of the tiles.
        tile_px: side of its source tiles.
        encode: from the pixels of a source tile to its bytes.
        tiff: options of `tifffile.TiffWriter.write`.
        reductions: level-0 pixels along the side of a pixel, for each level.
        cut_px: taken off at the right and at the bottom of level 0.
        tile_size: side of the tiles that are cut.
        share_of_side: of the side that is asked for; less for what takes long.
    """

    description: str
    suffix: str = "svs"
    mpp: float = 0.5
    read_mpp: float = 0.5
    tile_px: int = 256
    encode: Callable[[np.ndarray], bytes] | None = None
    tiff: dict[str, Any] = field(default_factory=dict)
    reductions: tuple[int, ...] = (1, 4, 16)
    cut_px: int = 0
    tile_size: int = 512
    share_of_side: float = 1.0


def ycbcr_jpeg(pixels: np.ndarray) -> bytes:
    """JPEG with the colour at half the resolution."""
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), _QUALITY, "RGB", "420"))


def rgb_jpeg(pixels: np.ndarray) -> bytes:
    """JPEG whose components are red, green and blue."""
    return bytes(imagecodecs.jpeg8_encode(pixels, _QUALITY, colorspace="rgb", outcolorspace="rgb", subsampling="444"))


def rgb_jpeg2000(pixels: np.ndarray) -> bytes:
    """A JPEG 2000 codestream of red, green and blue as they are."""
    return bytes(imagecodecs.jpeg2k_encode(pixels, level=_RGB_DB, codecformat="j2k", mct=False))


def ycbcr_jpeg2000(pixels: np.ndarray) -> bytes:
    """A JPEG 2000 codestream of luma and colour differences."""
    ycbcr = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    return bytes(imagecodecs.jpeg2k_encode(ycbcr, level=_YCBCR_DB, codecformat="j2k", mct=False))


_YCBCR: dict[str, Any] = {"compression": "jpeg", "photometric": "ycbcr", "subsampling": (2, 2)}
_RGB: dict[str, Any] = {"compression": "jpeg", "photometric": "rgb", "compressionargs": {"outcolorspace": "rgb"}}
_PHILIPS = SlideLayout(
    "512-pixel YCbCr (Philips), 40x read at 20x",
    suffix="tiff",
    mpp=0.25,
    tile_px=512,
    encode=ycbcr_jpeg,
    tiff=_YCBCR | {"software": "Philips DP v1.0"},
    reductions=(1, 2, 4, 8),
)
LAYOUTS = {
    "aligned": SlideLayout("256-pixel YCbCr 4:2:0, at 20x", encode=ycbcr_jpeg, tiff=_YCBCR),
    "40x-at-20x": SlideLayout("the same at 40x, read at 20x", mpp=0.25, encode=ycbcr_jpeg, tiff=_YCBCR),
    "40x-at-10x": SlideLayout(
        "the same at 40x, read at 10x (a level of downsample 4.0005)",
        mpp=0.25,
        read_mpp=1.0,
        encode=ycbcr_jpeg,
        tiff=_YCBCR,
        cut_px=1,
    ),
    "resampled": SlideLayout("the same at 20x, read at 0.55 um", read_mpp=0.55, encode=ycbcr_jpeg, tiff=_YCBCR),
    "240-rgb": SlideLayout("240-pixel RGB (Aperio)", tile_px=240, encode=rgb_jpeg, tiff=_RGB),
    "philips": _PHILIPS,
    "philips-across": replace(
        _PHILIPS, description="the same, tiles of 500 pixels, which lie across the source tiles", tile_size=500
    ),
    "ome": SlideLayout(
        "512-pixel OME-TIFF, at 20x",
        suffix="ome.tif",
        tile_px=512,
        encode=ycbcr_jpeg,
        tiff=_YCBCR,
        reductions=(1, 2, 4, 8),
    ),
    "33003": SlideLayout(
        "256-pixel JPEG 2000, YCbCr (33003)",
        encode=ycbcr_jpeg2000,
        tiff={"compression": 33003, "photometric": "ycbcr"},
        share_of_side=0.5,
    ),
    "33005": SlideLayout(
        "256-pixel JPEG 2000, RGB (33005)",
        encode=rgb_jpeg2000,
        tiff={"compression": 33005, "photometric": "rgb"},
        share_of_side=0.5,
    ),
    "ndpi": SlideLayout("NDPI, read by OpenSlide", suffix="ndpi"),
}


def build(path: Path, layout: SlideLayout, side_px: int) -> None:
    """Write a slide of about `side_px` pixels a side."""
    blocks = drawn_blocks(path.parent)
    if layout.encode is None:
        _write_ndpi(path, layout, blocks, max(1, round(side_px / BLOCK_PX)))
        return
    block_px = BLOCK_PX // (largest := layout.reductions[-1] * layout.tile_px) * largest  # whole tiles on every level
    across = max(1, round(side_px / block_px))
    with tifffile.TiffWriter(path, bigtiff=True, ome=False) as writer:
        for level, reduction in enumerate(layout.reductions):
            tiles = [_tiles(block[:block_px, :block_px], layout, reduction) for block in blocks]
            side = (across * block_px - layout.cut_px) // reduction
            writer.write(
                _assembled(tiles, across),
                shape=(side, side, 3),
                dtype=np.uint8,
                tile=(layout.tile_px, layout.tile_px),
                description=_description(layout) if level == 0 else None,
                subfiletype=int(level > 0),
                metadata=None,
                subifds=len(layout.reductions) - 1 if layout.suffix == "ome.tif" and level == 0 else None,
                **layout.tiff,
            )


def _tiles(block: np.ndarray, layout: SlideLayout, reduction: int) -> list[list[bytes]]:
    """The encoded tiles of a square at one level, rows of columns."""
    assert layout.encode is not None
    pixels = np.asarray(Image.fromarray(block).reduce(reduction))
    side = layout.tile_px
    return [
        [layout.encode(pixels[y : y + side, x : x + side]) for x in range(0, pixels.shape[1], side)]
        for y in range(0, pixels.shape[0], side)
    ]


def _assembled(tiles: list[list[list[bytes]]], across: int) -> Iterator[bytes]:
    for block_row in range(across):
        for row in range(len(tiles[0])):
            for column in range(across):
                yield from tiles[block_at(block_row, column)][row]


def _description(layout: SlideLayout) -> str:
    if layout.suffix == "ome.tif":
        return (
            '<?xml version="1.0" encoding="UTF-8"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
            f'<Image ID="Image:0"><Pixels ID="Pixels:0" PhysicalSizeX="{layout.mpp}" PhysicalSizeY="{layout.mpp}" '
            'DimensionOrder="XYCZT" Type="uint8"/></Image></OME>'
        )
    if layout.suffix == "tiff":
        levels = "".join(
            '<DataObject ObjectType="PixelDataRepresentation"><Attribute Name="DICOM_PIXEL_SPACING">'
            f'"{layout.mpp / 1000 * reduction}" "{layout.mpp / 1000 * reduction}"</Attribute></DataObject>'
            for reduction in layout.reductions
        )
        return (
            '<?xml version="1.0" encoding="UTF-8" ?><DataObject ObjectType="DPUfsImport">'
            '<Attribute Name="PIM_DP_SCANNED_IMAGES"><Array><DataObject ObjectType="DPScannedImage">'
            '<Attribute Name="PIM_DP_IMAGE_TYPE">WSI</Attribute>'
            f'<Attribute Name="DICOM_PIXEL_SPACING">"{layout.mpp / 1000}" "{layout.mpp / 1000}"</Attribute>'
            f'<Attribute Name="PIIM_PIXEL_DATA_REPRESENTATION_SEQUENCE"><Array>{levels}</Array></Attribute>'
            "</DataObject></Array></Attribute></DataObject>"
        )
    return f"Aperio Image Library v12.0.15 (drawn)|AppMag = {round(10 / layout.mpp)}|MPP = {layout.mpp}"


def _write_ndpi(path: Path, layout: SlideLayout, blocks: np.ndarray, across: int) -> None:
    levels = []
    for reduction in layout.reductions:
        pictures = [np.asarray(Image.fromarray(block).reduce(reduction)) for block in blocks]
        side = len(pictures[0])
        interval_px = min(_INTERVAL_PX, side)
        jpegs = [ndpi.RestartedJpeg.encoded(pixels, interval_px=interval_px, quality=_QUALITY) for pixels in pictures]
        per_row = jpegs[0].across
        intervals = [
            interval
            for block_row in range(across)
            for row in range(side // ndpi.MCU_HEIGHT)
            for column in range(across)
            for interval in jpegs[block_at(block_row, column)].intervals[row * per_row : (row + 1) * per_row]
        ]
        jpeg, starts = ndpi.joined_jpeg(jpegs[0].header, intervals, width=across * side, height=across * side)
        levels.append((jpeg, starts, across * side, across * side))
    ndpi.write_ndpi(path, levels, power=10 / layout.mpp, mpp=layout.mpp)


def main() -> None:
    """Tell of all layouts, or build a slide in one."""
    if len(sys.argv) == 1:
        print(json.dumps({name: (own.description, own.read_mpp, own.tile_size) for name, own in LAYOUTS.items()}))
        return
    folder, name, side = sys.argv[1:]
    layout = LAYOUTS[name]
    slide = Path(folder) / f"{name}.{layout.suffix}"
    build(slide, layout, int(int(side) * layout.share_of_side))
    print(json.dumps(str(slide)))


if __name__ == "__main__":
    main()
