"""What is decided of a slide as a whole, whatever tiles are cut from it: its resolution, and where its tissue is."""

import logging
import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.slides import Bounds, NotBrightfieldError, Resolution, SlideError, SlideReader, resolution_of, shown_part
from slidemill.tiling.light import why_no_brightfield
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import SlideFacts, TileStore
from slidemill.tiling.tissue import SlideAreas, find_tissue
from slidemill.units import Microns

_OVERVIEW_MPP = 4.0  # about
_OVERVIEW_MAX_SIDE = 1536  # pixels
_LARGEST_UPSAMPLING = 1.2  # a slide that is coarser than the tiles by more is set aside
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


class OtherTissueError(SlidemillError):
    """A tile store whose tissue is not what is found on its thumbnail."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: its tissue was found by another version of slidemill. Delete it and run again."


@dataclass(frozen=True, slots=True)
class WholeSlide:
    """A slide as a whole.

    Attributes:
        facts: what the file states, with the resolution that is used.
        overrules_mpp: whether the sheet gave another resolution than the file.
        overview: (height, width, 3) uint8 RGB.
        areas: tissue and ink on the overview.
        unseen: parts of the slide whose pixels on the overview cannot be decoded; they are white there.
    """

    facts: SlideFacts
    overrules_mpp: bool
    overview: np.ndarray
    areas: SlideAreas
    unseen: list[Bounds] = field(default_factory=list)


def look_over(slide: SlideReader, source: SlideSource, parameters: TilingParameters, threads: int) -> WholeSlide:
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
    refuse_coarse(source.slide_id, facts, parameters)
    longer_side = max(facts.width, facts.height)
    # A power of two, which pyramids and decoders give at least cost.
    halvings = max(
        0, round(math.log2(_OVERVIEW_MPP / facts.mpp)), math.ceil(math.log2(longer_side / _OVERVIEW_MAX_SIDE))
    )
    unseen: list[Bounds] = []
    overview = slide.overview(max(1, longer_side >> halvings), threads=threads, damaged=unseen)
    areas = _areas(overview, facts, parameters)
    if (found := why_no_brightfield(shown_part(overview, (facts.width, facts.height), facts.bounds))) is not None:
        raise NotBrightfieldError(source.path, found)
    return WholeSlide(facts, resolution.overrules_file, overview, areas, unseen)


def looked_over_before(path: Path, store: TileStore) -> WholeSlide:
    """What was decided of a slide when its tile store was made.

    Args:
        path: of the store, for the error.
        store: of a slide that could be looked over.

    Raises:
        OtherTissueError: the store's tissue is not what is found on its thumbnail.
    """
    summary, overview = store.summary, store.thumbnail
    assert summary.slide is not None  # noqa: S101 - it was looked over
    areas = _areas(overview, summary.slide, TilingParameters(**summary.parameters))
    if not np.array_equal(areas.tissue, store.tissue_mask):
        raise OtherTissueError(path)
    unseen = [Bounds(*part) for part in store.unseen.tolist()]
    return WholeSlide(summary.slide, MPP_OVERRULED in summary.flags, overview, areas, unseen)


def refuse_coarse(slide_id: str, facts: SlideFacts, parameters: TilingParameters) -> None:
    """Refuse a slide that would have to be enlarged.

    Raises:
        TooCoarseError: it would.
    """
    if facts.mpp > _LARGEST_UPSAMPLING * parameters.mpp:
        raise TooCoarseError(slide_id, facts.mpp, parameters.mpp)


def _areas(overview: np.ndarray, facts: SlideFacts, parameters: TilingParameters) -> SlideAreas:
    pixel_side = Microns(facts.mpp * max(facts.width, facts.height) / max(overview.shape))
    return find_tissue(overview, pixel_side, finds_ink=parameters.ink == "find")


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
