"""The resolution of a slide: from the sheet where it is given there, else as its file tells; always with its source."""

from dataclasses import dataclass
from typing import Literal

from slidemill.slides.reader import SlideError, SlideProperties
from slidemill.units import Mpp, ResolutionError

MppSource = Literal["slide sheet", "properties", "TIFF tags", "objective power"]

_LARGEST_ASPECT = 1.05  # of a pixel; beyond it the stated values contradict each other
_COARSEST_TAG = 10.0  # microns per pixel; coarser are the dots of a printer: 600 to the inch are 42 microns
# How far from the file's value the sheet's may be without contradicting it. A power tells little more than its name.
_TOLERANCES: dict[MppSource, float] = {"properties": 0.02, "TIFF tags": 0.02, "objective power": 0.3}


class ResolutionMissingError(SlideError):
    """A slide of which neither the file nor the sheet tells the resolution."""

    def __init__(self, slide_id: str) -> None:
        super().__init__(slide_id)
        self.slide_id = slide_id

    def __str__(self) -> str:
        return (
            f"{self.slide_id} states neither microns per pixel nor objective power. "
            "Fill in its 'mpp' column in the slide sheet."
        )


@dataclass(frozen=True, slots=True)
class Resolution:
    """What is known of the scale of a slide.

    Attributes:
        mpp: microns per level-0 pixel, as used.
        source: where that is from.
        file_mpp: what the file tells, None where it tells nothing.
        overrules_file: whether the sheet gives another value than the file.
    """

    mpp: Mpp
    source: MppSource
    file_mpp: Mpp | None
    overrules_file: bool = False


def resolution_of(slide_id: str, properties: SlideProperties, sheet_mpp: float | None) -> Resolution:
    """Resolution of a slide: the sheet's, else as the file states, else from TIFF tags, else from its objective power.

    Values that no scanner has (0, 1000, pixels that are not square) count as missing, and in TIFF's tags those that
    are meant for a printer.

    Raises:
        ResolutionMissingError: nothing tells it.
    """
    told = _told_by_file(properties)
    if sheet_mpp is None:
        if told is None:
            raise ResolutionMissingError(slide_id)
        return Resolution(*told, file_mpp=told[0])
    if told is None:
        return Resolution(Mpp(sheet_mpp), "slide sheet", file_mpp=None)
    mpp, source = told
    differs = abs(sheet_mpp - mpp.um_per_px) > _TOLERANCES[source] * mpp.um_per_px
    return Resolution(Mpp(sheet_mpp), "slide sheet", file_mpp=mpp, overrules_file=differs)


def _told_by_file(properties: SlideProperties) -> tuple[Mpp, MppSource] | None:
    if (stated := _plausible_mpp(properties.um_per_px)) is not None:
        return stated, "properties"
    tagged = _plausible_mpp(properties.tag_um_per_px)
    if tagged is not None and tagged.um_per_px <= _COARSEST_TAG:
        return tagged, "TIFF tags"
    if (assumed := _mpp_of_objective(properties)) is not None:
        return assumed, "objective power"
    return None


def _plausible_mpp(um_per_px: tuple[float, float] | None) -> Mpp | None:
    if um_per_px is None:
        return None
    try:
        along_x, along_y = (Mpp(value).um_per_px for value in um_per_px)
    except ResolutionError:
        return None
    if max(along_x, along_y) > _LARGEST_ASPECT * min(along_x, along_y):
        return None
    return Mpp((along_x + along_y) / 2)


def _mpp_of_objective(properties: SlideProperties) -> Mpp | None:
    if not properties.objective_power:
        return None
    try:
        return Mpp.of_objective(properties.objective_power)
    except ResolutionError:
        return None
