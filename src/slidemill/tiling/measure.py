"""Measures tiles against what the survey of their slide found."""

import numpy as np

from slidemill.tiling.quality import TileMeasures, sharpness_of, stained_blocks
from slidemill.tiling.survey import Survey


class TileMeter:
    """Measures the candidates of a survey, one after the other or in threads."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        mask_height, mask_width = survey.areas.tissue.shape
        self._rows_per_px = mask_height / survey.facts.height
        self._columns_per_px = mask_width / survey.facts.width

    def measure(self, number: int, tile: np.ndarray) -> TileMeasures:
        """Measure a candidate.

        Its tissue is what is stained, on blocks of 8 x 8 of its own pixels, and the small holes that tissue surrounds
        on the overview; marks of a pen are none.

        Args:
            number: of the candidate.
            tile: its (size, size, 3) pixels, uint8 RGB.
        """
        areas = self._survey.areas
        tissue = stained_blocks(tile, areas.stain_threshold)
        inked, holes = self._survey.ink_fraction[number], self._survey.hole_fraction[number]
        if inked or holes:
            there = self._under_blocks(number, *tissue.shape)
            if holes:
                tissue |= areas.holes[there]
            if inked:
                tissue &= ~areas.ink[there]
        return TileMeasures(
            tissue_fraction=float(tissue.mean()), ink_fraction=float(inked), sharpness=sharpness_of(tile)
        )

    def _under_blocks(self, number: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Index of the overview's pixel under the middle of each block of a tile."""
        x, y = self._survey.candidates[number].tolist()
        extent = self._survey.grid.extent
        down = (y + (np.arange(rows) + 0.5) * (extent / rows)) * self._rows_per_px
        across = (x + (np.arange(columns) + 0.5) * (extent / columns)) * self._columns_per_px
        return np.ix_(down.astype(np.intp), across.astype(np.intp))
