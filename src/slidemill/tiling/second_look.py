"""A second look at the tiles along the border of the tissue, before they are read.

The overview has a few pixels for each tile and is cautious: a part of its candidates turn out to be background. On a
smaller image of the pyramid most of these are found for a small part of what reading them would cost; as such an image
rather shows too much tissue than too little, hardly a tile is lost. What is left is measured when it is read.
"""

from dataclasses import replace

import numpy as np

from slidemill.slides import SlideReader
from slidemill.tiling.measure import TileMeter
from slidemill.tiling.source import TilingParameters
from slidemill.tiling.survey import Survey
from slidemill.units import TilePixels

_SURE = 0.1  # of a tile's area; with so much more tissue on the overview than is wanted there is nothing to doubt
_MARGIN = 0.02  # of a tile's area
_LEAST_PX = 64  # side of a tile on the smaller image
_LEAST_REDUCTION = 2  # of a tile's side; with less the look costs as much as the tile


def without_background(slide: SlideReader, survey: Survey, parameters: TilingParameters, threads: int) -> Survey:
    """The survey without candidates that turn out to be background.

    Args:
        slide, survey: the slide and what is known of it; nothing is done where it has no image of a fit size.
        parameters: how it is cut.
        threads: number of threads that decode.

    Raises:
        UnreadableSlideError: the pixels cannot be decoded.
    """
    unsure = np.flatnonzero(survey.tissue_fraction < parameters.least_tissue + _SURE)
    look_size = _look_size(slide, survey, parameters.tile_size)
    if look_size is None or not len(unsure):
        return survey
    meter = TileMeter(survey)
    fractions = slide.map_tiles(
        lambda number, pixels: meter.tissue_fraction(int(unsure[number]), pixels),
        survey.candidates[unsure],
        extent=survey.grid.extent,
        size=look_size,
        threads=threads,
        damaged=lambda *_: 1.0,  # the tile itself may be sound
    )
    kept = np.ones(len(survey.candidates), np.bool_)
    kept[unsure] = np.array(list(fractions)) >= parameters.least_tissue - _MARGIN
    return replace(
        survey,
        candidates=survey.candidates[kept],
        tissue_fraction=survey.tissue_fraction[kept],
        ink_fraction=survey.ink_fraction[kept],
        hole_fraction=survey.hole_fraction[kept],
    )


def _look_size(slide: SlideReader, survey: Survey, size: TilePixels) -> TilePixels | None:
    """Side of a tile on the next image of the pyramid that is small enough, None where there is none of use."""
    sides = [int(survey.grid.extent / downsample) for downsample in slide.downsamples]
    fit = [side for side in sides if _LEAST_PX <= side <= size / _LEAST_REDUCTION]
    return TilePixels(max(fit)) if fit else None
