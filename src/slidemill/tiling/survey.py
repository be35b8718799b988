"""Look a slide over before any tile is read: its resolution, its tissue, and which tiles of the grid may be kept."""

import logging
import math
from dataclasses import dataclass

import numpy as np

from slidemill.slides import Bounds, NotBrightfieldError, Resolution, SlideError, SlideReader, resolution_of, shown_part
from slidemill.tiling.grid import TileGrid
from slidemill.tiling.light import why_no_brightfield
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import SlideFacts
from slidemill.tiling.tissue import SlideAreas, find_tissue
from slidemill.units import Microns, Mpp

_OVERVIEW_MPP = 4.0  # about
_OVERVIEW_MAX_SIDE = 1536  # pixels
_LARGEST_UPSAMPLING = 1.2  # a slide that is coarser than the tiles by more is set aside
_CANDIDATE_MARGIN = 0.05  # of a tile's area
_PEN_MARKS_FRACTION = 0.001  # of the slide's area
MPP_OVERRULED = "mpp_from_sheet_not_file"  # flag of a slide whose file tells of another resolution than the sheet

_LOG = logging.getLogger(__name__)


class TooCoarseError(SlideError):
    """A slide that was scanned at a lower resolution than the tiles are asked for."""

    def __init__(self, slide_id: str, slide_mpp: float, tile_mpp: float) -> None:
        super().__init__(slide_id, slide_mpp, tile_mpp)
        self.slide_id = slide_id
        self.slide_mpp = slide_mpp
        self.tile_mpp = tile_mpp

    def __str__(self) -> str:
        return (
            f"{self.slide_id} has {self.slide_mpp:g} um per pixel, tiles are asked for at {self.tile_mpp:g}. "
            "Raise tiling.mpp, or leave the slide out."
        )


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

    @property
    def flags(self) -> tuple[str, ...]:
        """What is told of the slide: quality flags, and whether the sheet contradicts its file."""
        found = {
            "pen_marks": self.areas.ink.mean() > _PEN_MARKS_FRACTION,
            MPP_OVERRULED: self.overrules_mpp,
        }
        return tuple(flag for flag, is_set in found.items() if is_set)


def survey_slide(slide: SlideReader, source: SlideSource, parameters: TilingParameters, threads: int) -> Survey:
    """Look a slide over at low resolution.

    Raises:
        ResolutionMissingError: nothing tells the slide's resolution.
        TooCoarseError: the slide would have to be enlarged.
        NotBrightfieldError: the slide itself shone, as in fluorescence.
        UnreadableSlideError: the pixels cannot be decoded.
    """
    resolution = resolution_of(source.slide_id, slide.properties, source.sheet_mpp)
    facts = _facts(slide, resolution)
    if resolution.overrules_file:
        _LOG.warning("%s: %s", source.slide_id, _contradiction(facts))
    if facts.mpp > _LARGEST_UPSAMPLING * parameters.mpp:
        raise TooCoarseError(source.slide_id, facts.mpp, parameters.mpp)
    grid = TileGrid.of_slide(
        facts.width,
        facts.height,
        slide_mpp=Mpp(facts.mpp),
        tile_mpp=Mpp(parameters.mpp),
        size=parameters.tile_size,
    )
    damaged: list[Bounds] = []
    overview, areas = _find_areas(slide, facts, parameters, threads, damaged)
    if (found := why_no_brightfield(shown_part(overview, (facts.width, facts.height), facts.bounds))) is not None:
        raise NotBrightfieldError(source.path, found)

    def share_of(mask: np.ndarray) -> np.ndarray:
        return grid.covered_fraction(mask, facts.width, facts.height)

    # The overview is too coarse to decide on a tile at the border of the tissue: the tile itself is measured later.
    wanted = parameters.least_tissue
    tissue = share_of(areas.tissue)
    candidates = tissue >= max(wanted - _CANDIDATE_MARGIN, wanted / 2)
    if damaged:  # of which the overview tells nothing
        candidates |= share_of(_drawn(damaged, facts, overview)) > 0
    return Survey(
        facts=facts,
        overrules_mpp=resolution.overrules_file,
        grid=grid,
        tile_mpp=grid.extent * facts.mpp / parameters.tile_size,
        overview=overview,
        areas=areas,
        candidates=grid.corners()[candidates],
        tissue_fraction=tissue[candidates],
        ink_fraction=share_of(areas.ink)[candidates],
        hole_fraction=share_of(areas.holes)[candidates],
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


def _contradiction(facts: SlideFacts) -> str:
    return (
        f"the slide sheet gives {facts.mpp:g} microns per pixel and the file {facts.file_mpp:g}: the sheet's are used. "
        "Empty its 'mpp' in the sheet to use the file's."
    )


def _facts(slide: SlideReader, resolution: Resolution) -> SlideFacts:
    properties = slide.properties
    return SlideFacts(
        vendor=properties.vendor,
        width=properties.width,
        height=properties.height,
        mpp=resolution.mpp.um_per_px,
        mpp_source=resolution.source,
        objective_power=properties.objective_power,
        file_mpp=None if resolution.file_mpp is None else resolution.file_mpp.um_per_px,
        bounds=properties.bounds,
    )


def _find_areas(
    slide: SlideReader, facts: SlideFacts, parameters: TilingParameters, threads: int, damaged: list[Bounds]
) -> tuple[np.ndarray, SlideAreas]:
    longer_side = max(facts.width, facts.height)
    # A power of two, which pyramids and decoders give at least cost.
    halvings = max(
        0, round(math.log2(_OVERVIEW_MPP / facts.mpp)), math.ceil(math.log2(longer_side / _OVERVIEW_MAX_SIDE))
    )
    overview = slide.overview(max(1, longer_side >> halvings), threads=threads, damaged=damaged)
    pixel_side = Microns(facts.mpp * longer_side / max(overview.shape))
    return overview, find_tissue(overview, pixel_side, finds_ink=parameters.ink == "find")
