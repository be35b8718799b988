"""Colour jitter of haematoxylin and eosin in optical density space."""

import numpy as np

from slidemill.training.backend import tf

# Optical densities of red, green and blue for haematoxylin, eosin and what is left over (perpendicular to both).
# Source: Ruifrok and Johnston 2001, Anal Quant Cytol Histol 23:291.
_HAEMATOXYLIN = (0.650, 0.704, 0.286)
_EOSIN = (0.072, 0.990, 0.105)


def _stain_matrix() -> np.ndarray:
    stains = np.array([_HAEMATOXYLIN, _EOSIN, np.cross(_HAEMATOXYLIN, _EOSIN)])
    return stains / np.linalg.norm(stains, axis=1, keepdims=True)


_DENSITY_OF_STAIN = _stain_matrix().astype(np.float32)
_STAIN_OF_DENSITY = np.linalg.inv(_stain_matrix()).astype(np.float32)


def jitter_stains(rgb: tf.Tensor, strength: float, seed: tf.Tensor) -> tf.Tensor:
    """Change how strongly a tile is stained, as scanners and laboratories do.

    The amount of each stain is multiplied by a random number from 1 - strength to 1 + strength, and shifted by a random
    part of the optical density, up to strength / 10. Glass stays near white.

    Args:
        rgb: (height, width, 3) float32, 0 to 255.
        strength: 0 changes nothing.
        seed: (2,) int64; the result follows from it.

    Returns:
        As `rgb`.

    Source: Tellez et al. 2018, IEEE Trans Med Imaging 37:2126, "stain augmentation", with a smaller shift, so that
    background stays background.
    """
    if strength == 0.0:
        return rgb
    random = tf.random.stateless_uniform([2, 3], seed, -strength, strength)
    factors, shifts = 1.0 + random[0], 0.1 * random[1]
    density = -tf.math.log((rgb + 1.0) / 256.0)
    mixing = tf.matmul(_STAIN_OF_DENSITY * factors, _DENSITY_OF_STAIN)
    shift = tf.linalg.matvec(_DENSITY_OF_STAIN, shifts, transpose_a=True)
    changed = tf.tensordot(density, mixing, axes=1) + shift
    return tf.clip_by_value(256.0 * tf.exp(-changed) - 1.0, 0.0, 255.0)
