"""Which part of a slide is tissue, and which is ink.

Optical densities tell stain from glass, dust and pen: haematoxylin and eosin both absorb green most (Ruifrok and
Johnston 2001, Anal Quant Cytol Histol 23:291), other stains red or blue, and grey things absorb all colours alike. Inks
have the colours of other stains and are told from them by their evenness (`slidemill.tiling.ink`).
The threshold between tissue and glass is Otsu's (1979, IEEE Trans SMC 9:62), kept within bounds so that an empty slide
stays empty.
"""

from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter

from slidemill.tiling.ink import even_pieces, looks_inky
from slidemill.tiling.pieces import large_pieces
from slidemill.units import Microns

_STAIN_BOUNDS = (0.03, 0.12)  # optical density; Otsu's threshold is kept between them
# Optical density; coloured glass absorbs red or blue more than the other colours by less.
RED_OF_GLASS, BLUE_OF_GLASS = 0.08, 0.06
_OTHER_STAINS_FRACTION = 0.05  # of the stained area; with less the slide has none, and red blood cells look like one
_PALE_STAIN = 0.04  # optical density; the threshold of a slide with other stains
_VOID = 8  # grey level; what is darker is no slide but the scanner's padding
_VOID_RIM_PX = 7  # of the overview
_INK_RIM_PX = 5  # of the overview
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
        has_other_stains: whether a part of the tissue has stains that absorb red or blue most.
    """

    tissue: np.ndarray
    ink: np.ndarray
    holes: np.ndarray
    stain_threshold: float
    has_other_stains: bool = False


def find_tissue(overview: np.ndarray, pixel_side: Microns, *, finds_ink: bool = True) -> SlideAreas:
    """Tell tissue from glass and ink.

    Args:
        overview: (height, width, 3) uint8 RGB, the whole slide.
        pixel_side: length on the tissue of the side of a pixel.
        finds_ink: whether marks of a pen are looked for.
    """
    smooth = np.asarray(Image.fromarray(overview).filter(ImageFilter.BoxBlur(1)))
    stain, other, inky = _measured(smooth)
    ink = _whole_marks(overview, inky, pixel_side) if finds_ink else np.zeros_like(inky)
    stain[ink] = 0.0
    threshold = float(np.clip(_otsu_threshold(stain), *_STAIN_BOUNDS))
    stained = stain > threshold
    otherwise = (other > np.maximum(stain, threshold)) & ~ink
    has_other_stains = bool(otherwise.sum() > _OTHER_STAINS_FRACTION * (stained | otherwise).sum())
    if has_other_stains:
        # Between a strong stain and a pale one, such as DAB and what is beside it, Otsu's threshold would part the two.
        threshold = min(threshold, _PALE_STAIN)
        stained = (np.maximum(stain, other) > threshold) & ~ink
    tissue = _without_specks(stained, pixel_side) & ~ink
    return SlideAreas(
        tissue=tissue,
        ink=ink,
        holes=tissue & ~stained,
        stain_threshold=threshold,
        has_other_stains=has_other_stains,
    )


def _measured(rgb: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Densities of stain and of other stains (float32), and what has the colours of ink (bool), all (height, width)."""
    stain, other = (np.empty(rgb.shape[:2], np.float32) for _ in range(2))
    inky = np.empty(rgb.shape[:2], np.bool_)
    for top in range(0, len(rgb), _ROWS_AT_ONCE):
        rows = slice(top, top + _ROWS_AT_ONCE)
        density = optical_density(rgb[rows])
        stain[rows], other[rows], inky[rows] = stain_density(density), other_density(density), looks_inky(density)
    return stain, other, inky


def stain_density(density: np.ndarray) -> np.ndarray:
    """How much haematoxylin and eosin there is: what green is absorbed more than the other colours.

    Args:
        density: (height, width, 3) optical densities of red, green and blue.
    """
    return density[..., 1] - np.minimum(density[..., 0], density[..., 2])


def other_density(density: np.ndarray) -> np.ndarray:
    """How much there is of stains that absorb red most (light green) or blue most (DAB), beyond what glass may do.

    Args:
        density: (height, width, 3) optical densities of red, green and blue.
    """
    red, green, blue = np.moveaxis(density, -1, 0)
    return np.maximum(red - np.minimum(green, blue) - RED_OF_GLASS, blue - np.minimum(red, green) - BLUE_OF_GLASS)


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


def _whole_marks(overview: np.ndarray, inky: np.ndarray, pixel_side: Microns) -> np.ndarray:
    """The marks of a pen, from what has the colours of ink."""
    large = _without_specks(inky & ~_find_void(overview), pixel_side)
    if not large.any():
        return large
    marks = even_pieces(large, optical_density(overview).max(axis=-1))
    return _wider(marks, _INK_RIM_PX)  # ink is paler at the rim of a stroke


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
