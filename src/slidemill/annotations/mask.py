"""Mask images: TIFF files whose pixel values are classes, at the size of the slide or a fraction of it.

ASAP writes such masks (one byte a pixel), and PANDA publishes its own as RGB with the class in the first channel. The
class of a region is its value as text: "1", "2". 0 is background.
"""

import struct
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import shapely

from slidemill.annotations.regions import Annotations, Region

# What is refused before memory follows: a mask of 2^34 pixels is that of a slide 131,072 pixels wide and high.
_MOST_PIXELS = 2**34
_MOST_PIXELS_OF_A_PIECE = 2**26
_MOST_BOXES = 5_000_000


def read_mask(path: Path, width: int, height: int) -> Annotations:
    """Read the regions of a mask of a slide of `width` x `height` level-0 pixels; their edges are those of its pixels.

    Raises:
        ValueError: with the reason, where it is no mask, or none of this slide.
    """
    import tifffile

    try:
        with tifffile.TiffFile(path) as file:
            page = file.pages.first
            scale = _scale(page.imagewidth, page.imagelength, width, height)
            areas = _areas(page)
    except (tifffile.TiffFileError, OSError, KeyError, RuntimeError, struct.error) as error:
        raise ValueError(f"the file is damaged ({error})") from error
    moved = {value: shapely.transform(area, lambda points: points * scale) for value, area in areas.items()}
    return Annotations([Region(str(value), moved[value]) for value in sorted(moved)])


def _scale(mask_width: int, mask_height: int, width: int, height: int) -> np.ndarray:
    """Level-0 pixels for each pixel of the mask, in x and y: a whole number where sizes were rounded to pixels."""
    if mask_width * mask_height > _MOST_PIXELS:
        raise ValueError(f"it has {mask_width} x {mask_height} pixels, more than any slide")
    factor = max(1, round(width / mask_width))
    if abs(mask_width * factor - width) <= factor and abs(mask_height * factor - height) <= factor:
        return np.array([factor, factor], np.float64)
    scale = np.array([width / mask_width, height / mask_height])
    if abs(scale[0] / scale[1] - 1) > 0.01:
        raise ValueError(
            f"it has {mask_width} x {mask_height} pixels and the slide {width} x {height}, which is another shape: "
            "it is the mask of another slide"
        )
    return scale


def _areas(page: Any) -> dict[int, shapely.Geometry]:
    pieces: dict[int, list[shapely.Geometry]] = defaultdict(list)
    boxes = 0
    for left, top, values in _pieces(page):
        for value in _classes(values):
            if value:
                found = _boxes(values == value)
                boxes += len(found)
                if boxes > _MOST_BOXES:
                    raise ValueError("its classes change from pixel to pixel, so that it is no mask of regions")
                corners = (found + np.array([left, top, left, top])).T
                pieces[value].append(shapely.union_all(shapely.box(*corners)))
    return {value: shapely.union_all(areas) for value, areas in pieces.items()}


def _classes(values: np.ndarray) -> Iterator[int]:
    """The values of a piece; most pieces have one, which is seen without sorting their pixels."""
    if values.min() == values.max():
        yield int(values.flat[0])
    else:
        yield from map(int, np.unique(values))


def _pieces(page: Any) -> Iterator[tuple[int, int, np.ndarray]]:
    """The values of each tile or strip of the page, with its place: left, top, (height, width)."""
    if page.dtype is None or page.dtype.kind not in "bu" or page.dtype.itemsize > 2:
        raise ValueError(f"its pixels are {page.dtype} and no classes")
    if int(np.prod(page.chunks)) > _MOST_PIXELS_OF_A_PIECE:
        raise ValueError(
            "it is stored in one piece; write it in tiles: vips tiffsave IN OUT --tile --compression deflate"
        )
    separate_planes = page.planarconfig == 2 and page.samplesperpixel > 1
    for piece, index, shape in page.segments():
        if piece is None:
            continue
        plane, _, top, left, _ = index
        values = piece[0, : shape[1], : shape[2]]  # a piece at the border is filled up
        if separate_planes:
            _check_colourless(values if plane else None)
            if plane:
                continue
        elif values.shape[-1] > 1:
            _check_colourless(values[..., 1:3])
        yield left, top, values[..., 0]


def _check_colourless(others: np.ndarray | None) -> None:
    if others is not None and others.any():
        raise ValueError("it is a picture in colour and no mask of classes")


def _boxes(mask: np.ndarray) -> np.ndarray:
    """Disjoint boxes that together are the mask: (boxes, 4) int64, left, top, right, bottom."""
    height, width = mask.shape
    if mask.all():
        return np.array([[0, 0, width, height]], np.int64)
    changes = np.diff(np.pad(mask.astype(np.int8), ((0, 0), (1, 1))), axis=1)
    rows, starts = np.nonzero(changes == 1)
    ends = np.nonzero(changes == -1)[1]
    # Runs of equal columns in rows that follow each other are one box.
    order = np.lexsort((rows, ends, starts))
    rows, starts, ends = rows[order], starts[order], ends[order]
    goes_on = (np.diff(starts) == 0) & (np.diff(ends) == 0) & (np.diff(rows) == 1)
    first = np.flatnonzero(np.concatenate([[True], ~goes_on]))
    last = np.concatenate([first[1:], [len(rows)]]) - 1
    return np.stack([starts[first], rows[first], ends[first], rows[last] + 1], axis=1).astype(np.int64)
