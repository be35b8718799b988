"""What is cut, and how."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from slidemill.slides import ReaderChoice
from slidemill.units import TilePixels

JpegSubsampling = Literal["420", "444"]
InkChoice = Literal["find", "ignore"]


@dataclass(frozen=True, slots=True)
class TilingParameters:
    """How tiles are cut; part of every tile store.

    Attributes:
        mpp: microns per pixel of the tiles.
        tile_size: side of a tile as it is stored.
        max_background: tiles with a greater share of background are dropped.
        jpeg_quality: 1 to 100.
        ink: "find" takes marks of a pen out of the tissue and flags tiles with them, "ignore" looks for none.
        max_damaged: greatest share of the tissue tiles that may be damaged; with more the slide is set aside.
        jpeg_subsampling: "420" stores colours at half the resolution, "444" at all of it.
        reader: "direct", "openslide", or "auto" for the faster one that gives the right pixels.
    """

    mpp: float
    tile_size: TilePixels
    max_background: float
    jpeg_quality: int
    reader: ReaderChoice = "auto"
    jpeg_subsampling: JpegSubsampling = "420"
    ink: InkChoice = "find"
    max_damaged: float = 0.1

    @property
    def least_tissue(self) -> float:
        """Share of its area that must be tissue for a tile to be kept."""
        return 1.0 - self.max_background


@dataclass(frozen=True, slots=True)
class SlideSource:
    """The slide to cut.

    Attributes:
        path: the slide's file.
        slide_id, patient_id: as in the slide sheet.
        sheet_mpp: its resolution in the slide sheet, which counts before what the file states.
    """

    path: Path
    slide_id: str
    patient_id: str
    sheet_mpp: float | None = None
