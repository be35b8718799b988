"""Takes the colour out of the difference between architectures.

Without this the palette would give the class away, and a model that learnt nothing of the architecture would look
good. Shapes stay as they are: the stains are only scaled, over blocks wider than the structures.
"""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from slidemill.slides.synthetic.fields import Field, at, enlarge, smooth_noise
from slidemill.slides.synthetic.nuclei import Nuclei
from slidemill.slides.synthetic.tissue import Layers

_BLOCK_UM = 64  # means are taken over blocks of this width, blurred by 1.5 blocks
# Optical densities.
_MEAN_EOSIN = 0.25
_MEAN_HAEMATOXYLIN = 0.16
_NUCLEAR_DENSITY = 0.66  # of a nucleus before the balance


def balance(layers: Layers, cover: Field, rng: np.random.Generator) -> tuple[Layers, npt.NDArray[np.float64]]:
    """Bring the mean of both stains to ones drawn alike for every architecture, and cut the tissue to its outline.

    Args:
        layers: an architecture that fills the canvas.
        cover: the outline, 0 on glass and 1 on tissue.
        rng: draws the means.

    Returns:
        The layers, without stain where `cover` is 0, and the optical density of haematoxylin in each nucleus left.
    """
    nuclei = layers.nuclei.where(at(cover, layers.nuclei.points) > 0.9)
    eosin = np.maximum(layers.eosin, 0) * cover
    haematoxylin = np.maximum(layers.haematoxylin, 0) * cover
    covered = _block_sums(cover)
    eosin_gain = _spread(_gain(_block_sums(eosin), covered, _MEAN_EOSIN, rng), cover.shape)
    present = _block_sums(haematoxylin) + _NUCLEAR_DENSITY * _nuclear_area(nuclei, covered.shape)
    haematoxylin_gain = _spread(_gain(present, covered, _MEAN_HAEMATOXYLIN, rng), cover.shape)
    nuclear = _NUCLEAR_DENSITY * at(haematoxylin_gain, nuclei.points) * rng.normal(1.0, 0.12, len(nuclei.points))
    return Layers(haematoxylin * haematoxylin_gain, eosin * eosin_gain, nuclei), nuclear


def _gain(present: Field, covered: Field, mean: float, rng: np.random.Generator) -> Field:
    """The factor for each block that brings the mean density there to one drawn around `mean`."""
    drawn = mean * np.exp(0.16 * smooth_noise(rng, (covered.shape[0], covered.shape[1]), 3))
    around, tissue = (ndimage.gaussian_filter(values.astype(np.float64), 1.5) for values in (present, covered))
    return np.clip(drawn * (tissue + 1) / (around + 0.2), 0.5, 2.0).astype(np.float32)


def _nuclear_area(nuclei: Nuclei, coarse: tuple[int, ...]) -> Field:
    rows, columns = (nuclei.points // _BLOCK_UM).astype(int).T
    areas = np.bincount(rows * coarse[1] + columns, nuclei.masses(), coarse[0] * coarse[1])
    return areas.reshape(coarse).astype(np.float32)


def _block_sums(values: Field) -> Field:
    height, width = values.shape
    padded = np.pad(values, ((0, -height % _BLOCK_UM), (0, -width % _BLOCK_UM)))
    rows = padded.reshape(padded.shape[0] // _BLOCK_UM, _BLOCK_UM, padded.shape[1]).sum(axis=1)
    return rows.reshape(rows.shape[0], -1, _BLOCK_UM).sum(axis=2)


def _spread(coarse: Field, shape: tuple[int, ...]) -> Field:
    return enlarge(coarse, _BLOCK_UM)[: shape[0], : shape[1]]
