"""The scores of a slide over the slide as a pyramidal OME-TIFF, for slides whose picture is too large for a PNG.

One RGB image for each class, in order, and for attention (see `slidemill.reporting.layers`), each with levels of half
the size down to one block. Blocks are read from the slide one by one, so memory does not grow with the slide. QuPath,
Bio-Formats and napari open the file.

Source: OME-TIFF specification 6.0 (levels are SubIFDs).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tifffile import TiffWriter

from slidemill.atomic import atomic_path
from slidemill.inference.store import Predictions
from slidemill.reporting.layers import layers_of
from slidemill.reporting.overlay import colour_tiles, excluded_tiles, hatch_tiles
from slidemill.slides import SlideReader, read_square, to_viewer
from slidemill.tiling.store import SlideFacts
from slidemill.units import Mpp, SlidePixels, TilePixels

BLOCK_PX = TilePixels(512)


def write_pyramid(path: Path, reader: SlideReader, slide: SlideFacts, predictions: Predictions, mpp: Mpp) -> None:
    """Write the OME-TIFF, atomically.

    Args:
        path: of the file, ending in .ome.tiff.
        reader: the slide.
        slide: its size, bounds and resolution.
        predictions: the scores of its tiles.
        mpp: microns per pixel of the largest level, taken to the next whole number of level-0 pixels for each pixel.
    Raises:
        UnreadableSlideError: the slide cannot be read (any more).
    """
    levels = _levels(slide, step=max(1, round(mpp.um_per_px / slide.mpp)))
    with atomic_path(path) as temporary, TiffWriter(temporary, bigtiff=True, ome=True) as file:
        for layer in layers_of(predictions):
            for number, level in enumerate(levels):
                microns = slide.mpp * level.step
                file.write(
                    _blocks(reader, slide, predictions, layer.colours, level),
                    shape=(level.height, level.width, 3),
                    dtype=np.uint8,
                    tile=(BLOCK_PX, BLOCK_PX),
                    photometric="rgb",
                    compression="adobe_deflate",
                    predictor=True,
                    subifds=len(levels) - 1 if number == 0 else None,
                    subfiletype=0 if number == 0 else 1,
                    metadata=_metadata(layer.name, microns) if number == 0 else None,
                )


def write_plain(path: Path, picture: np.ndarray, name: str) -> None:
    """Write one (height, width, 3) uint8 RGB picture as OME-TIFF, atomically; an empty one as a white pixel."""
    shown = picture if picture.size else np.full((1, 1, 3), 255, np.uint8)
    with atomic_path(path) as temporary, TiffWriter(temporary, ome=True) as file:
        file.write(shown, photometric="rgb", metadata={"axes": "YXS", "Name": name})


@dataclass(frozen=True, slots=True)
class _Level:
    """A level of the pyramid: `step` level-0 pixels of the slide are one pixel."""

    step: int
    width: int
    height: int


def _levels(slide: SlideFacts, step: int) -> list[_Level]:
    width, height = slide.shown_size
    levels = [_Level(step, -(-width // step), -(-height // step))]
    while max(levels[-1].width, levels[-1].height) > BLOCK_PX:
        step *= 2
        levels.append(_Level(step, -(-width // step), -(-height // step)))
    return levels


def _metadata(name: str, microns: float) -> dict[str, object]:
    return {
        "axes": "YXS",
        "Name": name,
        "PhysicalSizeX": microns,
        "PhysicalSizeXUnit": "µm",
        "PhysicalSizeY": microns,
        "PhysicalSizeYUnit": "µm",
    }


def _blocks(
    reader: SlideReader, slide: SlideFacts, predictions: Predictions, colours: np.ndarray, level: _Level
) -> Iterator[np.ndarray]:
    extent = predictions.tile_extent
    kept = _edges(to_viewer(predictions.coordinates, slide.bounds), extent, level.step)
    left_out = excluded_tiles(predictions.coordinates, extent, slide_size=(slide.width, slide.height))
    excluded = _edges(to_viewer(left_out, slide.bounds), extent, level.step)
    origin_x, origin_y = slide.bounds[:2] if slide.bounds else (0, 0)
    for top in range(0, level.height, BLOCK_PX):
        for left in range(0, level.width, BLOCK_PX):
            corner = SlidePixels(origin_x + left * level.step), SlidePixels(origin_y + top * level.step)
            picture = read_square(reader, *corner, extent=SlidePixels(BLOCK_PX * level.step), size=BLOCK_PX)
            hatched = hatch_tiles(picture, _numbers_in_block(excluded, left, top))
            yield colour_tiles(hatched, _numbers_in_block(kept, left, top), colours)


def _edges(coordinates: np.ndarray, extent: SlidePixels, step: int) -> np.ndarray:
    """Left, top, right and bottom of tiles in pixels of a level, rounded half up: (tiles, 4) int64."""
    corners = np.concatenate([coordinates, coordinates + int(extent)], axis=1)
    return (2 * corners + step) // (2 * step)


def _numbers_in_block(edges: np.ndarray, left: int, top: int) -> np.ndarray:
    """Which tile lies at each pixel of a block, -1 where there is none: (side, side) int32."""
    inside = np.clip(edges - np.array([left, top, left, top]), 0, BLOCK_PX)
    numbers = np.full((BLOCK_PX, BLOCK_PX), -1, dtype=np.int32)
    for number in np.flatnonzero((inside[:, 0] < inside[:, 2]) & (inside[:, 1] < inside[:, 3])):
        x0, y0, x1, y1 = inside[number]
        numbers[y0:y1, x0:x1] = number
    return numbers
