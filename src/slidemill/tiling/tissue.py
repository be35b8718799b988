"""Which part of a slide is tissue, and which is ink.

Optical densities tell stain from glass, dust and pen: haematoxylin and eosin both absorb green most (Ruifrok and
Johnston 2001, Anal Quant Cytol Histol 23:291), grey things absorb all colours alike, and inks absorb red or blue most.
The threshold between tissue and glass is Otsu's (1979, IEEE Trans SMC 9:62), kept within bounds so that an empty slide
stays empty.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from slidemill.tiling.pieces import large_pieces
from slidemill.units import Mpp

_STAIN_BOUNDS = (0.03, 0.12)  # optical density; Otsu's threshold is kept between them
_VOID = 8  # grey level; what is darker is no slide but the scanner's padding
_VOID_RIM_PX = 7  # of the overview
_INK_RIM_PX = 5  # of the overview
_INK_DENSITY = 0.15  # optical density; paler marks are not told from stain
_SMALLEST_PIECE_UM = 100.0  # side of the smallest piece of tissue, and of the smallest hole in it

_DENSITIES = -np.log10((np.arange(256, dtype=np.float32) + 1) / 256)


@dataclass(frozen=True, slots=True)
class SlideAreas:
    """The parts of a slide at overview resolution.

    Attributes:
        tissue: (height, width) bool.
        ink: (height, width) bool, marks of a pen; never tissue.
        holes: (height, width) bool, unstained and small enough to count as tissue, such as lumina of glands.
        stain_threshold: optical density between glass and stain on this slide.
    """

    tissue: np.ndarray
    ink: np.ndarray
    holes: np.ndarray
    stain_threshold: float


def find_tissue(overview: np.ndarray, mpp: Mpp) -> SlideAreas:
    """Tell tissue from glass and ink.

    Args:
        overview: (height, width, 3) uint8 RGB, the whole slide.
        mpp: its resolution.
    """
    smooth = Image.fromarray(overview).filter(ImageFilter.BoxBlur(1))
    density = optical_density(np.asarray(smooth))
    ink = _find_ink(density, mpp, void=_find_void(overview))
    stain = np.where(ink, 0.0, stain_density(density))
    threshold = float(np.clip(_otsu_threshold(stain), *_STAIN_BOUNDS))
    stained = stain > threshold
    tissue = _without_specks(stained, mpp) & ~ink
    return SlideAreas(tissue=tissue, ink=ink, holes=tissue & ~stained, stain_threshold=threshold)


def stain_density(density: np.ndarray) -> np.ndarray:
    """How much haematoxylin and eosin there is: what green is absorbed more than the other colours.

    Args:
        density: (height, width, 3) optical densities of red, green and blue.
    """
    return density[..., 1] - np.minimum(density[..., 0], density[..., 2])


def optical_density(rgb: np.ndarray) -> np.ndarray:
    """Optical density of each channel of a brightfield image.

    Args:
        rgb: (height, width, 3) uint8, white is 255.

    Returns:
        (height, width, 3) float32, no unit: 0 for white, log10(256) for black (values are shifted by 1).

    Source: Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291; the shift is ours.
    """
    return _DENSITIES[rgb]


def _find_void(overview: np.ndarray) -> np.ndarray:
    """Where the scanner recorded nothing and painted black, and a rim around it."""
    void = np.maximum(np.maximum(overview[..., 0], overview[..., 1]), overview[..., 2]) <= _VOID
    return _wider(void, _VOID_RIM_PX) if void.any() else void


def _wider(mask: np.ndarray, square_px: int) -> np.ndarray:
    wider = Image.fromarray(mask.astype(np.uint8)).filter(ImageFilter.MaxFilter(square_px))
    return np.asarray(wider).astype(np.bool_)


def _find_ink(density: np.ndarray, mpp: Mpp, *, void: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(density, -1, 0)
    strongest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    blue_or_green_ink = red > 1.25 * green
    red_or_black_ink = blue > 0.85 * green
    # Over tissue the stain adds to the ink, and the ratios draw near to those of stain; but both together are dark.
    over_tissue = ((red > 1.02 * green) & (red > 0.4)) | ((blue > 0.7 * green) & (blue > 0.75)) | (darkest > 0.9)
    ink = (strongest > _INK_DENSITY) & (blue_or_green_ink | red_or_black_ink | over_tissue) & ~void
    # Ink is paler at the rim of a stroke.
    return _wider(_without_specks(ink, mpp), _INK_RIM_PX) if ink.any() else ink


def _without_specks(mask: np.ndarray, mpp: Mpp) -> np.ndarray:
    """`mask` without pieces and holes that are smaller than the smallest piece of tissue."""
    smallest = max(1.0, (_SMALLEST_PIECE_UM / mpp.um_per_px) ** 2)
    return ~large_pieces(~large_pieces(mask, smallest), smallest)


def _otsu_threshold(values: np.ndarray) -> float:
    counts, edges = np.histogram(values, bins=256)
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.argmax(np.nan_to_num(between))])
