"""Look a slide over before any tile is read: which tiles of the grid may be kept."""

from dataclasses import dataclass, field

import numpy as np

from slidemill.slides import Bounds, SlideReader
from slidemill.tiling.grid import TileGrid
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import SlideFacts
from slidemill.tiling.tissue import SlideAreas
from slidemill.tiling.whole_slide import MPP_OVERRULED, WholeSlide, look_over, refuse_coarse
from slidemill.units import Mpp

_CANDIDATE_MARGIN = 0.05  # of a tile's area
_PEN_MARKS_FRACTION = 0.001  # of the slide's area


@dataclass(frozen=True, slots=True)
class Survey:
    """What is known of a slide before its tiles are read.

    Attributes:
        facts: what the file states, with the resolution that is used.
        overrules_mpp: whether the sheet gave another resolution than the file.
        grid: where tiles may lie.
        tile_mpp: microns per pixel of the tiles, exactly.
        overview: (height, width, 3) uint8 RGB.
        areas: tissue and ink on the overview.
        candidates: (tiles, 2) int64, level-0 pixels, top left corners of the tiles that may hold tissue enough.
        tissue_fraction: (tiles,) float32, share of each candidate that is tissue on the overview.
        ink_fraction: (tiles,) float32, share of each candidate under marks of a pen.
        hole_fraction: (tiles,) float32, share of each candidate that is unstained and counts as tissue all the same.
        unseen: parts of the slide of which the overview tells nothing.
    """

    facts: SlideFacts
    overrules_mpp: bool
    grid: TileGrid
    tile_mpp: float
    overview: np.ndarray
    areas: SlideAreas
    candidates: np.ndarray
    tissue_fraction: np.ndarray
    ink_fraction: np.ndarray
    hole_fraction: np.ndarray
    unseen: list[Bounds] = field(default_factory=list)

    @property
    def flags(self) -> tuple[str, ...]:
        """What is told of the slide: quality flags, and whether the sheet contradicts its file."""
        found = {
            "pen_marks": self.areas.ink.mean() > _PEN_MARKS_FRACTION,
            MPP_OVERRULED: self.overrules_mpp,
        }
        return tuple(flag for flag, is_set in found.items() if is_set)


def survey_slide(
    slide: SlideReader,
    source: SlideSource,
    parameters: TilingParameters,
    threads: int,
    whole: WholeSlide | None = None,
) -> Survey:
    """Find the tiles of a slide that may be kept.

    Args:
        slide, source: the slide.
        parameters: how it is cut.
        threads: number of threads that decode.
        whole: what was decided of the slide before; None: it is looked over.

    Raises:
        ResolutionMissingError: nothing tells the slide's resolution.
        TooCoarseError: the slide would have to be enlarged.
        NotBrightfieldError: the slide itself shone, as in fluorescence.
        UnreadableSlideError: the pixels cannot be decoded.
    """
    whole = whole or look_over(slide, source, parameters, threads)
    facts, areas = whole.facts, whole.areas
    refuse_coarse(source.slide_id, facts, parameters)
    grid = TileGrid.of_slide(
        facts.width,
        facts.height,
        slide_mpp=Mpp(facts.mpp),
        tile_mpp=Mpp(parameters.mpp),
        size=parameters.tile_size,
    )

    def share_of(mask: np.ndarray) -> np.ndarray:
        return grid.covered_fraction(mask, facts.width, facts.height)

    # The overview is too coarse to decide on a tile at the border of the tissue: the tile itself is measured later.
    wanted = parameters.least_tissue
    tissue = share_of(areas.tissue)
    candidates = tissue >= max(wanted - _CANDIDATE_MARGIN, wanted / 2)
    if whole.unseen:
        candidates |= share_of(_drawn(whole.unseen, facts, whole.overview)) > 0
    return Survey(
        facts=facts,
        overrules_mpp=whole.overrules_mpp,
        grid=grid,
        tile_mpp=grid.extent * facts.mpp / parameters.tile_size,
        overview=whole.overview,
        areas=areas,
        candidates=grid.corners()[candidates],
        tissue_fraction=tissue[candidates],
        ink_fraction=share_of(areas.ink)[candidates],
        hole_fraction=share_of(areas.holes)[candidates],
        unseen=whole.unseen,
    )


def _drawn(parts: list[Bounds], facts: SlideFacts, overview: np.ndarray) -> np.ndarray:
    """Parts of a slide as a mask over its overview: (height, width) bool."""
    rows, columns, _ = overview.shape
    mask = np.zeros((rows, columns), np.bool_)
    for x, y, width, height in parts:
        top, bottom = y * rows // facts.height, -(-(y + height) * rows // facts.height)
        left, right = x * columns // facts.width, -(-(x + width) * columns // facts.width)
        mask[top:bottom, left:right] = True
    return mask
