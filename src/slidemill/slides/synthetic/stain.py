"""From stain to colour: haematoxylin and eosin as one laboratory and one scanner would show them."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

# Optical densities of red, green and blue: Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291.
_RUIFROK = np.array([[0.65, 0.70, 0.29], [0.07, 0.99, 0.11]])
# The same two dyes in another laboratory: Macenko et al. 2009, IEEE ISBI, 1107.
_MACENKO = np.array([[0.5626, 0.7201, 0.4062], [0.2159, 0.8012, 0.5581]])
_GLASS = np.array([241.0, 240.0, 242.0])

LEVELS = 512  # steps of the colour table for each stain
_DENSITY_PER_LEVEL = 1.8 / LEVELS
NOISE_LEVELS = 5  # the sensor adds 0 to 4 grey levels, 2 on average


@dataclass(frozen=True, slots=True)
class Stain:
    """How strongly and in which hue one slide is stained; the same distribution for all kinds of tissue.

    Attributes:
        haematoxylin, eosin: factors on the optical density of each stain.
        colours: (512 * 512,), uint32: red, green, blue and an unused byte of each pair of stain levels
            (haematoxylin * 512 + eosin), less the average noise.
    """

    haematoxylin: float
    eosin: float
    colours: npt.NDArray[np.uint32]

    @classmethod
    def drawn(cls, rng: np.random.Generator) -> "Stain":
        """The stain of one slide: its two strengths, its hue between two published ones, and the lamp's white."""
        haematoxylin, eosin = rng.uniform(0.85, 1.15, 2)
        share = rng.uniform(0.35, 0.90)
        vectors = (1 - share) * _RUIFROK + share * _MACENKO
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        white = _GLASS + rng.uniform(-2, 2, 3)
        return cls(float(haematoxylin), float(eosin), _colour_table(vectors, white))


def stain_levels(density: npt.NDArray[np.floating[Any]]) -> npt.NDArray[np.int32]:
    """Optical densities as levels of the colour table; 1.8 and above is the last level."""
    return np.clip(density * np.float32(1 / _DENSITY_PER_LEVEL), 0, LEVELS - 1).astype(np.int32)


def _colour_table(vectors: npt.NDArray[np.float64], white: npt.NDArray[np.float64]) -> npt.NDArray[np.uint32]:
    density = np.arange(LEVELS) * _DENSITY_PER_LEVEL
    haematoxylin, eosin = (10 ** -(density[:, None] * vector) for vector in vectors)
    table = np.zeros((LEVELS, LEVELS, 4), np.uint8)
    light = white * haematoxylin[:, None, :] * eosin[None, :, :]
    table[..., :3] = np.clip(np.rint(light - NOISE_LEVELS // 2), 0, 255 - NOISE_LEVELS)
    return table.reshape(-1, 4).view(np.uint32).ravel()
