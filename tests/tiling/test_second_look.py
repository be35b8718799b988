from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from slidemill.slides import open_slide
from slidemill.tiling.measure import TileMeter
from slidemill.tiling.second_look import without_background
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.survey import survey_slide
from slidemill.units import TilePixels

PARAMETERS = TilingParameters(mpp=0.5, tile_size=TilePixels(256), max_background=0.5, jpeg_quality=85)


def look_twice(path: Path, parameters: TilingParameters):
    """Tissue of all candidates by the full look, and which of them are left after the second look."""
    with open_slide(path, parameters.reader) as slide:
        first = survey_slide(slide, SlideSource(path, "S", "P"), parameters, 1)
        second = without_background(slide, first, parameters, 1)
        tiles = slide.map_tiles(
            TileMeter(first).tissue_fraction, first.candidates, extent=first.grid.extent, size=parameters.tile_size
        )
        tissue = np.array(list(tiles))
    left = (first.candidates[:, None] == second.candidates[None]).all(axis=-1).any(axis=1)
    for name in ("candidates", "tissue_fraction", "ink_fraction", "hole_fraction"):
        np.testing.assert_array_equal(getattr(second, name), getattr(first, name)[left])
    return tissue, left


@pytest.mark.slow
@pytest.mark.parametrize("reader", ["direct", "openslide"])
@pytest.mark.parametrize("tissue", ["glands", "nests", "alveoli"])
def test_only_background_is_dropped(draw_slide, tissue, reader):
    parameters = replace(PARAMETERS, reader=reader, max_background=0.4)
    fractions, left = look_twice(draw_slide(f"{tissue} 40x 1.2x1.0mm pen"), parameters)
    assert (fractions[~left] < parameters.least_tissue).all()


def test_most_background_among_candidates_is_dropped(draw_slide):
    dropped = background = 0
    for tissue in ("glands", "nests", "alveoli"):
        for max_background in (0.3, 0.4, 0.5):
            fractions, left = look_twice(
                draw_slide(f"{tissue} 40x 1.2x1.0mm"), replace(PARAMETERS, max_background=max_background)
            )
            dropped += np.count_nonzero(~left)
            background += np.count_nonzero(fractions < 1 - max_background)
    assert dropped > background / 2


def test_without_a_fit_image_nothing_is_dropped(draw_slide):
    _, left = look_twice(draw_slide("glands 20x 0.9x0.8mm"), replace(PARAMETERS, tile_size=TilePixels(128)))
    assert left.all()
