"""Measures tiles against what the survey of their slide found."""

import numpy as np

from slidemill.tiling.quality import sharpness_of, stained_points
from slidemill.tiling.survey import Survey

_TILES_AT_ONCE = 64  # whose sharpness is measured


class TileMeter:
    """Measures the candidates of a survey, one after the other or in threads."""

    def __init__(self, survey: Survey) -> None:
        self._survey = survey
        mask_height, mask_width = survey.areas.tissue.shape
        self._rows_per_px = mask_height / survey.facts.height
        self._columns_per_px = mask_width / survey.facts.width
        self._inked: list[float] = survey.ink_fraction.tolist()
        self._holes: list[float] = survey.hole_fraction.tolist()
        self._under: dict[tuple[int, float, int], np.ndarray] = {}

    def tissue_fraction(self, number: int, tile: np.ndarray) -> float:
        """Share of a candidate's area that is tissue.

        Tissue is what is stained, on a grid of its own pixels, and the small holes that tissue surrounds on the
        overview; marks of a pen are none.

        Args:
            number: of the candidate.
            tile: its (size, size, 3) pixels, uint8 RGB.
        """
        areas = self._survey.areas
        tissue = stained_points(tile, areas.stain_threshold, has_other_stains=areas.has_other_stains)
        inked, holes = self._inked[number], self._holes[number]
        if inked or holes:
            there = self._under_points(number, *tissue.shape)
            if holes:
                tissue |= areas.holes[there]
            if inked:
                tissue &= ~areas.ink[there]
        return int(np.count_nonzero(tissue)) / tissue.size

    def _under_points(self, number: int, rows: int, columns: int) -> tuple[np.ndarray, np.ndarray]:
        """Index of the overview's pixel under the each point of a tile."""
        x, y = self._survey.candidates[number].tolist()
        return self._under_side(y, self._rows_per_px, rows)[:, None], self._under_side(x, self._columns_per_px, columns)

    def _under_side(self, start: int, per_px: float, points: int) -> np.ndarray:
        known = self._under.get((start, per_px, points))
        if known is None:
            steps = (np.arange(points) + 0.5) * (self._survey.grid.extent / points)
            known = self._under[start, per_px, points] = ((start + steps) * per_px).astype(np.intp)
        return known


class FocusMeter:
    """Measures the sharpness of tiles, many at once.

    Args:
        mpp: microns per pixel of the tiles.
    """

    def __init__(self, mpp: float) -> None:
        self._mpp = mpp
        self._waiting: list[np.ndarray] = []
        self._measured: list[np.ndarray] = []

    def add(self, rows: np.ndarray) -> None:
        """Take the next tile's `focus_rows`."""
        self._waiting.append(rows)
        if len(self._waiting) >= _TILES_AT_ONCE:
            self._measure()

    def sharpness(self) -> np.ndarray:
        """(tiles,) float64, of all tiles, in their order."""
        if self._waiting:
            self._measure()
        return np.concatenate([np.zeros(0), *self._measured])

    def _measure(self) -> None:
        self._measured.append(sharpness_of(np.stack(self._waiting), self._mpp))
        self._waiting.clear()
