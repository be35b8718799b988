"""Where the tiles of a slide lie."""

import math
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from slidemill.units import Mpp, SlidePixels, TilePixels

_SNAP_TOLERANCE = 0.02  # scanners of one kind differ by as much: 0.2500, 0.2520 and 0.2527 um per pixel are all "40x"


@dataclass(frozen=True, slots=True)
class TileGrid:
    """Full tiles side by side from the top left corner of the slide; what is left at the other edges is not tiled.

    Attributes:
        columns, rows: number of full tiles along each side.
        extent: side of a tile on the slide.
    """

    columns: int
    rows: int
    extent: SlidePixels

    @classmethod
    def of_slide(
        cls, width: SlidePixels, height: SlidePixels, *, slide_mpp: Mpp, tile_mpp: Mpp, size: TilePixels
    ) -> "TileGrid":
        """The grid of tiles of `size` pixels at `tile_mpp` on a slide of `width` x `height` pixels at `slide_mpp`.

        The extent is a whole number of level-0 pixels, so that every corner is exact. Where 1, 2, 4, 8 ... level-0
        pixels for each pixel of a tile come within 2% of `tile_mpp`, the extent is that: such tiles need no resampling.
        Otherwise the resolution of the tiles differs from `tile_mpp` by less than half a level-0 pixel over a tile.
        """
        extent = max(SlidePixels(1), slide_mpp.slide_pixels(tile_mpp.microns(size)))
        whole = size * 2 ** max(0, round(math.log2(extent / size)))
        if abs(extent - whole) <= _SNAP_TOLERANCE * whole:
            extent = SlidePixels(whole)
        return cls(columns=width // extent, rows=height // extent, extent=extent)

    @property
    def tile_count(self) -> int:
        """Number of full tiles."""
        return self.columns * self.rows

    def corners(self) -> np.ndarray:
        """(rows, columns, 2) int64, level-0 pixels: x and y of each tile's top left corner."""
        x, y = np.meshgrid(np.arange(self.columns), np.arange(self.rows))
        return np.stack([x, y], axis=-1).astype(np.int64) * self.extent

    def covered_fraction(self, mask: np.ndarray, width: SlidePixels, height: SlidePixels) -> np.ndarray:
        """Share of each tile's area that a mask of the whole slide covers.

        Args:
            mask: (mask height, mask width) bool, stretched over the slide.
            width, height: size of the slide on level 0.

        Returns:
            (rows, columns) float32, exact also where tile edges cut through pixels of the mask.
        """
        if not self.tile_count or not mask.any():
            return np.zeros((self.rows, self.columns), np.float32)
        edges_y = np.arange(self.rows + 1) * self.extent * (mask.shape[0] / height)
        edges_x = np.arange(self.columns + 1) * self.extent * (mask.shape[1] / width)
        area_above = _integral_at(mask, edges_y)
        area = _integral_at(area_above.T, edges_x).T
        tile_area = (edges_y[1:] - edges_y[:-1])[:, None] * (edges_x[1:] - edges_x[:-1])
        covered = np.diff(np.diff(area, axis=0), axis=1)
        return np.asarray(np.clip(covered / tile_area, 0.0, 1.0), np.float32)


def _integral_at(values: np.ndarray, edges: np.ndarray) -> np.ndarray:
    """Integral of piecewise constant rows from 0 to each edge: (edges, columns) for (rows, columns)."""
    dtype = np.int32 if values.dtype == np.bool_ else np.float64
    below = np.minimum(edges.astype(np.int64), values.shape[0] - 1)
    between = [values[start:end].sum(axis=0, dtype=dtype) for start, end in pairwise([0, *below.tolist()])]
    share = np.minimum(edges - below, 1.0)[:, None]
    return np.asarray(np.cumsum(between, axis=0) + values[below] * share)
