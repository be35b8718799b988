"""Slides as Leica's SCN400 writes them: a canvas of which only a part was scanned."""

from pathlib import Path

import numpy as np
import tifffile

_NAMESPACE = "http://www.leica-microsystems.com/scn/2010/10/01"
_MACRO_PX = 32  # level-0 pixels along the side of a pixel of the macro image
_NM_PER_UM = 1000


def write_scn(
    path: Path, pixels: np.ndarray, *, corner: tuple[int, int], canvas: tuple[int, int], mpp: float = 0.5
) -> Path:
    """Write a slide whose scanned part, `pixels`, lies at `corner` of a canvas, all in level-0 pixels."""
    levels = [pixels, np.ascontiguousarray(pixels[::4, ::4])]
    macro = np.full((canvas[1] // _MACRO_PX, canvas[0] // _MACRO_PX, 3), 240, np.uint8)
    nm = round(mpp * _NM_PER_UM)
    size_nm, corner_nm, canvas_nm = ((x * nm, y * nm) for x, y in ((pixels.shape[1], pixels.shape[0]), corner, canvas))
    xml = (
        f'<?xml version="1.0"?><scn xmlns="{_NAMESPACE}" uuid="u">'
        f'<collection name="c" uuid="v" sizeX="{canvas_nm[0]}" sizeY="{canvas_nm[1]}"><barcode>eA==</barcode>'
        + _image([macro], first_ifd=0, size_nm=canvas_nm, corner_nm=(0, 0))
        + _image(levels, first_ifd=1, size_nm=size_nm, corner_nm=corner_nm)
        + "</collection></scn>"
    )
    with tifffile.TiffWriter(path, bigtiff=True) as file:
        for number, level in enumerate([macro, *levels]):
            file.write(
                level,
                tile=(256, 256),
                compression="jpeg",
                compressionargs={"level": 95},
                photometric="rgb",
                resolution=(1e4 / mpp, 1e4 / mpp),
                resolutionunit="CENTIMETER",
                description=xml if number == 0 else None,
                metadata=None,
            )
    return path


def _image(levels: list[np.ndarray], *, first_ifd: int, size_nm: tuple[int, int], corner_nm: tuple[int, int]) -> str:
    dimensions = "".join(
        f'<dimension sizeX="{level.shape[1]}" sizeY="{level.shape[0]}" r="{number}" ifd="{first_ifd + number}"/>'
        for number, level in enumerate(levels)
    )
    height, width, _ = levels[0].shape
    return (
        '<image><creationDate>2012-01-01T00:00:00Z</creationDate><device model="Leica SCN400" version="1.4"/>'
        f'<pixels sizeX="{width}" sizeY="{height}">{dimensions}</pixels>'
        f'<view sizeX="{size_nm[0]}" sizeY="{size_nm[1]}" offsetX="{corner_nm[0]}" offsetY="{corner_nm[1]}"/>'
        "<scanMode>pathology</scanMode><scanSettings>"
        "<objectiveSettings><objective>20</objective></objectiveSettings>"
        "<illuminationSettings><numericalAperture>0.4</numericalAperture>"
        "<illuminationSource>brightfield</illuminationSource></illuminationSettings></scanSettings></image>"
    )
