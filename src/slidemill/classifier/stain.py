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

_LOG_WHITE = np.float32(np.log(256.0))


def jitter_stains(rgb: tf.Tensor, strength: float, draws: tf.Tensor) -> tf.Tensor:
    """Change how strongly tiles are stained, as scanners and laboratories do.

    The amount of each stain is multiplied by a random number from 1 - strength to 1 + strength, and shifted by a random
    part of the optical density, up to strength / 10. Glass stays near white.

    Args:
        rgb: (batch, height, width, 3) float32, 0 to 255.
        strength: 0 changes nothing.
        draws: (batch, 6) float32, random numbers from 0 to 1 for each tile.

    Returns:
        As `rgb`.

    Source: Tellez et al. 2018, IEEE Trans Med Imaging 37:2126, "stain augmentation", with a smaller shift, so that
    background stays background.
    """
    random = strength * (2.0 * draws - 1.0)
    factors, shifts = 1.0 + random[:, :3], 0.1 * random[:, 3:]
    mixing = tf.matmul(_STAIN_OF_DENSITY * factors[:, None, :], _DENSITY_OF_STAIN)
    shift = tf.matmul(shifts, _DENSITY_OF_STAIN)
    # Densities are _LOG_WHITE - log(rgb + 1): their constant part is mixed once and not for every pixel.
    constant = _LOG_WHITE * (1.0 - tf.reduce_sum(mixing, axis=1)) - shift
    logarithms = tf.reshape(tf.math.log(rgb + 1.0), (tf.shape(rgb)[0], -1, 3))
    changed = tf.exp(tf.matmul(logarithms, mixing) + constant[:, None, :]) - 1.0
    return tf.reshape(tf.clip_by_value(changed, 0.0, 255.0), tf.shape(rgb))
