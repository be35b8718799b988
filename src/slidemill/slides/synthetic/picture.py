"""The picture of one slide, given out tile by tile at the resolution of the scan."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from slidemill.seeds import generator
from slidemill.slides.synthetic.alveoli import draw_alveoli
from slidemill.slides.synthetic.aperio import TILE_PX
from slidemill.slides.synthetic.balance import balance
from slidemill.slides.synthetic.fields import Field, enlarge, repeating_noise
from slidemill.slides.synthetic.flaws import Ink, draw_dust, draw_ink, draw_shadow
from slidemill.slides.synthetic.glands import draw_glands
from slidemill.slides.synthetic.lesions import cover_of, draw_lesions
from slidemill.slides.synthetic.nests import draw_nests
from slidemill.slides.synthetic.nuclei import stamp
from slidemill.slides.synthetic.outline import canvas_of, draw_outline
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.stain import NOISE_LEVELS, Stain, stain_levels
from slidemill.slides.synthetic.tissue import blend
from slidemill.units import Mpp, TilePixels

_FAINTEST = 0.004  # optical density that the eye, and the sensor, cannot tell from glass
_GRAIN_SIDE = 512
_GRAIN_UM = 0.35
_ARCHITECTURES = {"glands": draw_glands, "nests": draw_nests, "alveoli": draw_alveoli}


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawn slide.

    Attributes:
        mpp: resolution of the scan.
        haematoxylin, eosin: optical density, one cell per micron, with a margin of one cell on each side.
        nuclei: haematoxylin of the nuclei at `mpp`; 100 is an optical density of 1.
        ink: marker strokes over it, if any.
        stained: one cell per tile; false where a tile shows nothing but glass. It may reach beyond the scanned area.
        grain: factor on both stains for each pixel; repeats itself.
        noise: grey levels that the sensor adds to each pixel of a tile.
    """

    mpp: Mpp
    stain: Stain
    haematoxylin: Field
    eosin: Field
    nuclei: npt.NDArray[np.uint8]
    ink: Ink | None
    stained: npt.NDArray[np.bool_]
    grain: Field
    noise: npt.NDArray[np.uint8]

    def tile(self, row: int, column: int) -> npt.NDArray[np.uint8]:
        """The pixels of one tile, (256, 256, 4): red, green, blue and an unused byte."""
        factor = round(1 / self.mpp.um_per_px)
        side = TILE_PX // factor
        block = np.s_[row * side : (row + 1) * side + 2, column * side : (column + 1) * side + 2]
        pixels = np.s_[row * TILE_PX : (row + 1) * TILE_PX, column * TILE_PX : (column + 1) * TILE_PX]
        eosin = enlarge(self.eosin[block], factor)[factor:-factor, factor:-factor]
        haematoxylin = enlarge(self.haematoxylin[block], factor)[factor:-factor, factor:-factor]
        grain = self._grain_under(row, column)
        haematoxylin = np.maximum(haematoxylin, self.nuclei[pixels] * np.float32(0.01 * self.stain.haematoxylin))
        levels = stain_levels(haematoxylin * grain) * 512 + stain_levels(eosin * grain)
        light = self.stain.colours[levels].view(np.uint8).reshape(TILE_PX, TILE_PX, 4)
        if self.ink is not None:
            self.ink.cover(light, self.mpp, row, column)
        light += self.noise
        return light

    def _grain_under(self, row: int, column: int) -> Field:
        top, left = row * TILE_PX % _GRAIN_SIDE, column * TILE_PX % _GRAIN_SIDE
        return self.grain[top : top + TILE_PX, left : left + TILE_PX]


def draw_picture(recipe: Recipe, slide_id: str, seed: int) -> Picture:
    """Draw everything that a slide shows, from random numbers that depend on nothing but the three arguments."""

    def rng(purpose: str) -> np.random.Generator:
        return generator(seed, "synthesize", slide_id, purpose)

    area = round(recipe.height_mm * 1000), round(recipe.width_mm * 1000)
    canvas = canvas_of(area)
    side = round(recipe.mpp.microns(TilePixels(TILE_PX)))
    stain = Stain.drawn(rng("stain"))
    haematoxylin, eosin = draw_dust(rng("dust"), area, canvas)
    nuclei = np.zeros((canvas[0] * TILE_PX // side, canvas[1] * TILE_PX // side), np.uint8)
    if recipe.tissue == "none":
        haematoxylin += draw_shadow(rng("shadow"), canvas)
    else:
        outline = draw_outline(rng("outline"), area, canvas)
        layers = _ARCHITECTURES[recipe.tissue](rng("tissue"), canvas)
        if recipe.lesion is not None:
            lesions = cover_of(draw_lesions(recipe, slide_id, seed, outline), canvas)
            layers = blend(layers, _ARCHITECTURES[recipe.lesion](rng("lesion tissue"), canvas), lesions)
        layers, nuclear = balance(layers, outline, rng("balance"))
        nuclei = stamp(layers.nuclei, nuclear, canvas, recipe.mpp, rng("nuclei"))
        haematoxylin += layers.haematoxylin
        eosin += layers.eosin
    stained = _any_per_tile(haematoxylin + eosin > _FAINTEST, side)
    ink = draw_ink(rng("ink"), area, canvas) if recipe.flaw == "pen" else None
    if ink is not None:
        stained |= _any_per_tile(ink.density[1:-1, 1:-1] > 0, side)
    return Picture(
        mpp=recipe.mpp,
        stain=stain,
        haematoxylin=np.pad(haematoxylin * np.float32(stain.haematoxylin), 1, mode="edge"),
        eosin=np.pad(eosin * np.float32(stain.eosin), 1, mode="edge"),
        nuclei=nuclei,
        ink=ink,
        stained=stained,
        grain=_draw_grain(rng("grain"), recipe.mpp),
        noise=rng("noise").integers(0, NOISE_LEVELS, (TILE_PX, TILE_PX, 1), np.uint8),
    )


def _draw_grain(rng: np.random.Generator, mpp: Mpp) -> Field:
    blur = _GRAIN_UM / mpp.um_per_px
    return 1 + np.float32(0.07) * repeating_noise(rng, _GRAIN_SIDE, blur, blur)


def _any_per_tile(mask: npt.NDArray[np.bool_], side: int) -> npt.NDArray[np.bool_]:
    rows, columns = mask.shape[0] // side, mask.shape[1] // side
    stained: npt.NDArray[np.bool_] = np.any(mask.reshape(rows, side, columns, side), axis=(1, 3))
    return stained
