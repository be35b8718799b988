"""What a tile store says of itself: the outcome of cutting a slide, in the words of the store."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field

import simplejpeg

import slidemill
from slidemill.slides import ReaderName
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary
from slidemill.tiling.survey import Survey
from slidemill.units import SlidePixels

_BLURRED_FRACTION = 0.1  # of the tissue tiles; beyond it the slide is flagged as well


@dataclass(slots=True)
class TileCounts:
    """Numbers of candidates.

    Attributes:
        dropped: by reason, "background" or a quality flag.
        flagged: those with tissue enough, by quality flag.
        with_tissue: those with tissue enough.
    """

    dropped: Counter[str] = field(default_factory=Counter)
    flagged: Counter[str] = field(default_factory=Counter)
    with_tissue: int = 0

    def add(self, flags: Iterable[str], dropped: str) -> None:
        """Count a candidate; `dropped` is empty when it is kept."""
        if dropped:
            self.dropped[dropped] += 1
        if dropped != "background":
            self.with_tissue += 1
            self.flagged.update(flags)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a slide that could be read.

    Attributes:
        reader: which reader read it.
        survey: what was found before its tiles were read.
        tile_count: number of tiles kept.
        counts: of the candidates.
    """

    reader: ReaderName
    survey: Survey
    tile_count: int
    counts: TileCounts


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
        parameters=asdict(parameters) | {"exclude": list(parameters.exclude)},
        slide=survey.facts if survey else None,
        versions=_versions(outcome),
        reader=outcome.reader if outcome else "",
        dropped=_dropped(outcome) if outcome else {},
    )


def _flags(outcome: Outcome) -> tuple[str, ...]:
    counts = outcome.counts
    blurred = counts.flagged["out_of_focus"] > _BLURRED_FRACTION * counts.with_tissue
    return (*outcome.survey.flags, "out_of_focus") if blurred else outcome.survey.flags


def _dropped(outcome: Outcome) -> dict[str, int]:
    """Number of full tiles of the grid that are not kept, by reason; with the tiles kept they add up to the grid."""
    dropped = {name: outcome.counts.dropped[name] for name in sorted(outcome.counts.dropped)}
    never_read = outcome.survey.grid.tile_count - len(outcome.survey.candidates)
    return dropped | {"background": never_read + outcome.counts.dropped["background"]}


def _why_unusable(source: SlideSource, parameters: TilingParameters, outcome: Outcome) -> str:
    if outcome.tile_count:
        return ""
    if outcome.survey.grid.tile_count == 0:
        return f"{source.slide_id} is smaller than one tile. Lower tiling.tile_size, or leave the slide out."
    excluded = {name: count for name, count in outcome.counts.dropped.items() if name != "background"}
    if excluded:
        counts = ", ".join(f"{count} {name.replace('_', ' ')}" for name, count in sorted(excluded.items()))
        return (
            f"{source.slide_id} has no tile to keep: {counts}, the rest background. "
            "Shorten tiling.exclude to keep them."
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
