import numpy as np

from slidemill.training.backend import tf
from slidemill.training.stain import _DENSITY_OF_STAIN, jitter_stains


def test_no_jitter_changes_nothing():
    rgb = tf.constant(np.random.default_rng(0).uniform(0, 255, (4, 4, 3)), tf.float32)
    assert jitter_stains(rgb, 0.0, tf.constant([1, 2], tf.int64)) is rgb


def test_a_pixel_of_one_stain_stays_on_the_line_of_this_stain():
    """Multiplying the amount of a stain moves a pixel along the stain's colour; the shift is small beside it."""
    for stain in _DENSITY_OF_STAIN[:2]:
        rgb = tf.constant(256 * np.exp(-1.2 * stain) - 1, tf.float32)[None, None]
        for seed in range(20):
            changed = jitter_stains(rgb, 0.1, tf.constant([seed, 2], tf.int64)).numpy()
            density = -np.log((changed[0, 0] + 1) / 256)
            cosine = density @ stain / np.linalg.norm(density)
            assert cosine > 0.999
            assert 1.0 < np.linalg.norm(density) < 1.4
