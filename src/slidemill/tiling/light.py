"""Whether light shone through a slide (brightfield) or the slide itself shone (fluorescence).

Light through a slide makes what is empty the brightest of all, without a colour, and dyes take a part of it away: every
colour of a lit pixel keeps some of the light, or only green loses most of it, as in thick H&E. Fluorescence makes what
is empty dark, and most of what is lit has the light of one dye, with little of the other colours. Black alone tells
nothing: scanners paint it around slides, and cassettes have dark edges. Neither does brightness: slides may be
underexposed, so that all is measured against the brightest pixels.
"""

import numpy as np

_BRIGHTEST = 99.5  # percentile
_DARKEST_LIGHT = 12  # grey levels; where nothing is brighter no light was recorded
_LIT = 0.2  # of the brightest
_UNLIT_FRACTION = 0.1  # of the area; fluorescence has some ground
_LEFT_OF_LIGHT = 0.4  # of a pixel's strongest colour
_GLASS, _GLASS_FRACTION = 150, 0.05  # grey level of all three colours, share of what is lit
_BRIGHTFIELD_FRACTION, _SURE_FRACTION = 0.5, 0.2  # of what is lit; the second where all is lit
_COLOURLESS, _NOISE = 0.12, 10  # of the strongest colour; grey levels
_COLOURED_FRACTION = 0.01  # of what is lit
_LIKE_GLASS, _LIKE_GLASS_FRACTION = 0.7, 0.5  # of the brightest; share of what is lit


def why_no_brightfield(overview: np.ndarray) -> str | None:
    """What speaks against a slide's being a brightfield image; None for nothing.

    Args:
        overview: (height, width, 3) uint8 RGB.
    """
    pixels = overview[::2, ::2].reshape(-1, 3)  # a few of the pixels tell as much
    weakest, middle, strongest = np.sort(pixels, axis=-1).T.astype(np.float32)
    brightest = float(np.percentile(strongest, _BRIGHTEST))
    if brightest < _DARKEST_LIGHT:
        return "nothing on it is lit"
    is_lit = strongest >= _LIT * brightest
    unlit_fraction = 1.0 - is_lit.mean()
    weakest, middle, strongest, green = weakest[is_lit], middle[is_lit], strongest[is_lit], pixels[is_lit, 1]
    is_coloured = strongest - weakest > _COLOURLESS * strongest + _NOISE
    is_grey = is_coloured.mean() < _COLOURED_FRACTION
    if (weakest >= _GLASS).mean() >= _GLASS_FRACTION and not is_grey:
        return None
    light_left = _LEFT_OF_LIGHT * strongest
    shone_through = (weakest >= light_left) | ((green == weakest) & (middle >= light_left))
    is_dark_ground = unlit_fraction >= _UNLIT_FRACTION
    if shone_through.mean() < (_BRIGHTFIELD_FRACTION if is_dark_ground else _SURE_FRACTION):
        return "most of what is lit has the light of single colours, as in fluorescence"
    if is_dark_ground and is_grey and (strongest >= _LIKE_GLASS * brightest).mean() < _LIKE_GLASS_FRACTION:
        return "it is grey on a dark ground, as a channel of fluorescence"
    return None
