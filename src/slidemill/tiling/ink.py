"""Marks of a pen on the cover glass, told from stains.

Inks absorb red or blue most, or all colours alike, and most stains do not; but aniline blue, light green, fuchsin,
silver and melanin have the colours of inks, and diaminobenzidine (DAB) comes near. What tells a mark from them is that
ink is even: over a few pixels of the overview its density varies by a tenth, also where it lies over tissue, and that
of stained tissue by a fifth to a half, for it is made of cells and fibres. So what has the colours of ink is taken
piece by piece, and a piece of which most is not even is no ink. Brown is no ink whatever its texture.
"""

import numpy as np
from PIL import Image, ImageFilter

from slidemill.tiling.pieces import pieces_by_share

_LEAST_DENSITY = 0.15  # optical density; paler marks are not told from stain
_EVEN_RADIUS_PX = 3  # of the overview
_EVEN_VARIATION = 0.17  # standard deviation over mean of the density; marks: 0.06 to 0.2, stained tissue: 0.15 to 0.6
_EVEN_VARIATION_PER_DENSITY = 0.4  # noise weighs more on what is pale, and pale stains are more even than pale ink is
_DENSE, _DENSEST = 0.6, 0.9  # optical density; no stain is as dense as ink over cells, of which nuclei show through
_VARIATION_OVER_CELLS = 0.35
_EVEN_SHARE = 0.4  # of the pixels of a mark, without its rim
_RIM_PX = 5  # of the overview: side of the square by which pieces are narrowed before they are looked at


def looks_inky(density: np.ndarray) -> np.ndarray:
    """What has the colours of ink, as stains may have them too.

    Args:
        density: (height, width, 3) optical densities of red, green and blue.

    Returns:
        (height, width) bool.
    """
    red, green, blue = np.moveaxis(density, -1, 0)
    strongest = np.maximum(np.maximum(red, green), blue)
    darkest = np.minimum(np.minimum(red, green), blue)
    blue_or_green_ink = red > 1.25 * green
    red_or_black_ink = blue > 0.85 * green
    # Over tissue the stain adds to the ink, and the ratios draw near to those of stain; but both together are dark.
    over_tissue = ((red > 1.02 * green) & (red > 0.4)) | ((blue > 0.7 * green) & (blue > 0.75)) | (darkest > 0.9)
    # DAB (0.35 : 0.73 : 1 of red, green and blue), melanin. Red and orange ink absorb hardly any red, black all alike.
    brown = (blue > 1.05 * green) & (red > 0.2 * green) & (red < 0.95 * green)
    return np.asarray((strongest > _LEAST_DENSITY) & (blue_or_green_ink | red_or_black_ink | over_tissue) & ~brown)


def even_pieces(inky: np.ndarray, strongest: np.ndarray) -> np.ndarray:
    """The pieces of what has the colours of ink that are as even as ink.

    Args:
        inky: (height, width) bool.
        strongest: (height, width) float, the greatest of the optical densities of red, green and blue.

    Returns:
        (height, width) bool.
    """
    mean = _box_mean(strongest)
    deviation = np.sqrt(np.maximum(_box_mean(strongest * strongest) - mean * mean, 0.0))
    over_cells = _VARIATION_OVER_CELLS * np.clip(mean - _DENSE, 0.0, _DENSEST - _DENSE)
    even = deviation < (np.minimum(_EVEN_VARIATION, _EVEN_VARIATION_PER_DENSITY * mean) + over_cells) * mean
    narrowed = Image.fromarray(inky.astype(np.uint8)).filter(ImageFilter.MinFilter(_RIM_PX))
    return pieces_by_share(inky, looked_at=np.asarray(narrowed).astype(np.bool_), found=even, share=_EVEN_SHARE)


def _box_mean(values: np.ndarray) -> np.ndarray:
    """Mean over a square around each pixel; beyond the edges the values of the edge count."""
    radius, side = _EVEN_RADIUS_PX, 2 * _EVEN_RADIUS_PX + 1
    padded = np.pad(values.astype(np.float64), ((radius + 1, radius), (radius + 1, radius)), mode="edge")
    sums = padded.cumsum(axis=0).cumsum(axis=1)
    return (sums[side:, side:] - sums[:-side, side:] - sums[side:, :-side] + sums[:-side, :-side]) / side**2
