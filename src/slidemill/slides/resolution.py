"""The resolution of a slide: from its file where it is stated, else assumed or given, and always with its source."""

from dataclasses import dataclass
from typing import Literal

from slidemill.slides.reader import SlideError, SlideProperties
from slidemill.units import Mpp, ResolutionError

MppSource = Literal["properties", "TIFF tags", "objective power", "slide sheet"]

_LARGEST_ASPECT = 1.05  # of a pixel; beyond it the stated values contradict each other


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
    """Microns per level-0 pixel, and where they are from."""

    mpp: Mpp
    source: MppSource


def resolution_of(slide_id: str, properties: SlideProperties, sheet_mpp: float | None) -> Resolution:
    """Resolution of a slide: as stated, else from TIFF tags, the objective power or the slide sheet.

    Values that no scanner has (0, 1000, pixels that are not square) count as missing.

    Raises:
        ResolutionMissingError: nothing tells it.
    """
    if (stated := _plausible_mpp(properties.um_per_px)) is not None:
        return Resolution(stated, "properties")
    if (tagged := _plausible_mpp(properties.tag_um_per_px)) is not None:
        return Resolution(tagged, "TIFF tags")
    if (assumed := _mpp_of_objective(properties)) is not None:
        return Resolution(assumed, "objective power")
    if sheet_mpp is not None:
        return Resolution(Mpp(sheet_mpp), "slide sheet")
    raise ResolutionMissingError(slide_id)


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
