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
from slidemill.units import Microns

_STAIN_BOUNDS = (0.03, 0.12)  # optical density; Otsu's threshold is kept between them
_VOID = 8  # grey level; what is darker is no slide but the scanner's padding
_VOID_RIM_PX = 7  # of the overview
_INK_RIM_PX = 5  # of the overview
_INK_DENSITY = 0.15  # optical density; paler marks are not told from stain
_ROWS_AT_ONCE = 32  # of the overview; what is computed on them stays in the processor's cache
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


def find_tissue(overview: np.ndarray, pixel_side: Microns) -> SlideAreas:
    """Tell tissue from glass and ink.

    Args:
        overview: (height, width, 3) uint8 RGB, the whole slide.
        pixel_side: length on the tissue of the side of a pixel.
    """
    smooth = np.asarray(Image.fromarray(overview).filter(ImageFilter.BoxBlur(1)))
    stain, inky = _stain_and_ink(smooth)
    ink = _whole_marks(inky & ~_find_void(overview), pixel_side)
    stain[ink] = 0.0
    threshold = float(np.clip(_otsu_threshold(stain), *_STAIN_BOUNDS))
    stained = stain > threshold
    tissue = _without_specks(stained, pixel_side) & ~ink
    return SlideAreas(tissue=tissue, ink=ink, holes=tissue & ~stained, stain_threshold=threshold)


def _stain_and_ink(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Density of stain (float32) and what has the colours of ink (bool), both (height, width)."""
    stain, inky = np.empty(rgb.shape[:2], np.float32), np.empty(rgb.shape[:2], np.bool_)
    for top in range(0, len(rgb), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        density = optical_density(rgb[rows])
        stain[rows], inky[rows] = stain_density(density), _looks_inky(density)
    return stain, inky


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


def _looks_inky(density: np.ndarray) -> np.ndarray:
    red, green, blue = np.moveaxis(density, -1, 0)
    strongest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    blue_or_green_ink = red > 1.25 * green
    red_or_black_ink = blue > 0.85 * green
    # Over tissue the stain adds to the ink, and the ratios draw near to those of stain; but both together are dark.
    over_tissue = ((red > 1.02 * green) & (red > 0.4)) | ((blue > 0.7 * green) & (blue > 0.75)) | (darkest > 0.9)
    return np.asarray((strongest > _INK_DENSITY) & (blue_or_green_ink | red_or_black_ink | over_tissue))


def _whole_marks(inky: np.ndarray, pixel_side: Microns) -> np.ndarray:
    # Ink is paler at the rim of a stroke.
    return _wider(_without_specks(inky, pixel_side), _INK_RIM_PX) if inky.any() else inky


def _without_specks(mask: np.ndarray, pixel_side: Microns) -> np.ndarray:
    """`mask` without pieces and holes that are smaller than the smallest piece of tissue."""
    smallest = max(1.0, (_SMALLEST_PIECE_UM / pixel_side) ** 2)
    return ~large_pieces(~large_pieces(mask, smallest), smallest)


def _otsu_threshold(values: np.ndarray) -> float:
    counts, edges = np.histogram(values[::2, ::2], bins=256)  # a quarter of the pixels tells as much
    centres = (edges[:-1] + edges[1:]) / 2
    below = np.cumsum(counts)
    above = below[-1] - below
    sums = np.cumsum(counts * centres)
    with np.errstate(invalid="ignore", divide="ignore"):
        between = below * above * (sums / below - (sums[-1] - sums) / above) ** 2
    return float(edges[1:][np.argmax(np.nan_to_num(between))])
