"""What a tile store says of itself: the outcome of cutting a slide, in the words of the store."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass

import simplejpeg

import slidemill
from slidemill.slides import ReaderName
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary
from slidemill.tiling.survey import Survey
from slidemill.units import SlidePixels

_MOSTLY = 0.5  # of what is stained; with more ink a slide without tissue is told to be inked
_BLURRED_FRACTION = 0.1  # of the tissue tiles; beyond it the slide is flagged as well


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a slide that could be read.

    Attributes:
        reader: which reader read it.
        survey: what was found before its tiles were read.
        tile_count: number of tiles kept.
        flagged: number of those with each quality flag.
        damaged_count: number of tiles that may hold tissue and cannot be decoded.
        is_listed: whether its tiles were listed, and not found.
    """

    reader: ReaderName
    survey: Survey
    tile_count: int
    flagged: Mapping[str, int]
    damaged_count: int = 0
    is_listed: bool = False


def summarize(source: SlideSource, parameters: TilingParameters, outcome: Outcome | str) -> StoreSummary:
    """The summary of a slide's store.

    Args:
        source: the slide.
        parameters: how it was cut.
        outcome: what came of it, or why it could not be read.
    """
    if isinstance(outcome, str):
        return _summary(source, parameters, reason=outcome)
    return _summary(source, parameters, reason=_why_unusable(source, parameters, outcome), outcome=outcome)


def _summary(
    source: SlideSource, parameters: TilingParameters, *, reason: str, outcome: Outcome | None = None
) -> StoreSummary:
    survey = outcome.survey if outcome else None
    return StoreSummary(
        slide_id=source.slide_id,
        patient_id=source.patient_id,
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=_flags(outcome) if outcome else (),
        tile_count=outcome.tile_count if outcome else 0,
        grid_count=survey.grid.tile_count if survey else 0,
        tile_extent=survey.grid.extent if survey else SlidePixels(0),
        parameters=asdict(parameters),
        slide=survey.facts if survey else None,
        versions=_versions(outcome),
        reader=outcome.reader if outcome else "",
        flagged=dict(sorted(outcome.flagged.items())) if outcome else {},
        damaged_count=outcome.damaged_count if outcome else 0,
    )


def _flags(outcome: Outcome) -> tuple[str, ...]:
    blurred = outcome.flagged.get("out_of_focus", 0) > _BLURRED_FRACTION * outcome.tile_count
    found = {"out_of_focus": blurred, "damaged": outcome.damaged_count > 0}
    return (*outcome.survey.flags, *(flag for flag, is_set in found.items() if is_set))


def _why_unusable(source: SlideSource, parameters: TilingParameters, outcome: Outcome) -> str:
    if outcome.tile_count:
        return ""
    if outcome.is_listed:
        return (
            f"{source.slide_id} gives none of its listed patches: all reach over its edges, or cannot be decoded. Look "
            "at tiling.mpp and tiling.tile_size, or take its patches out of the list."
        )
    if outcome.survey.grid.tile_count == 0:
        return f"{source.slide_id} is smaller than one tile. Lower tiling.tile_size, or leave the slide out."
    areas = outcome.survey.areas
    inked, tissue = int(areas.ink.sum()), int(areas.tissue.sum())
    if inked > _MOSTLY * (inked + tissue):
        return (
            f"{source.slide_id} has no tissue to use: {inked / (inked + tissue):.0%} of what is stained looks like "
            "ink. If its thumbnail shows tissue there, set tiling.ink: ignore."
        )
    return (
        f"{source.slide_id} has no tissue: every tile is more than {parameters.max_background:.0%} background. "
        "If its thumbnail shows tissue, raise tiling.max_background."
    )


def _versions(outcome: Outcome | None) -> dict[str, str]:
    versions = {"slidemill": slidemill.__version__, "simplejpeg": ".".join(simplejpeg.__version_info__)}
    if outcome and outcome.reader == "openslide":
        import openslide  # the reader has imported it already

        versions["openslide"] = openslide.__library_version__
    return versions
