import numpy as np

from slidemill.classifier.stain import _DENSITY_OF_STAIN, _STAIN_OF_DENSITY, jitter_stains
from slidemill.training.backend import tf

DRAWS = np.random.default_rng(0).uniform(size=(20, 6)).astype(np.float32)


def one_by_one(rgb, strength, draws):
    """The definition, tile by tile and pixel by pixel, in double precision."""
    changed = []
    for image, (first, second) in zip(rgb.astype(float), draws.reshape(-1, 2, 3).astype(float), strict=True):
        stains = -np.log((image + 1) / 256) @ _STAIN_OF_DENSITY
        stains = stains * (1 + strength * (2 * first - 1)) + 0.1 * strength * (2 * second - 1)
        changed.append(256 * np.exp(-stains @ _DENSITY_OF_STAIN) - 1)
    return np.clip(changed, 0, 255)


def test_each_tile_is_changed_by_the_definition():
    rgb = np.random.default_rng(1).uniform(0, 255, (20, 6, 6, 3)).astype(np.float32)
    changed = jitter_stains(rgb, 0.2, DRAWS).numpy()
    assert np.abs(changed - rgb).max() > 20
    np.testing.assert_allclose(changed, one_by_one(rgb, 0.2, DRAWS), rtol=0, atol=0.01)


def test_a_pixel_of_one_stain_stays_on_the_line_of_this_stain():
    """Multiplying the amount of a stain moves a pixel along the stain's colour; the shift is small beside it."""
    for stain in _DENSITY_OF_STAIN[:2]:
        rgb = tf.constant(256 * np.exp(-1.2 * stain) - 1, tf.float32)[None, None, None]
        changed = jitter_stains(tf.repeat(rgb, len(DRAWS), axis=0), 0.1, DRAWS).numpy()
        for density in -np.log((changed[:, 0, 0] + 1) / 256):
            cosine = density @ stain / np.linalg.norm(density)
            assert cosine > 0.999
            assert 1.0 < np.linalg.norm(density) < 1.4


def test_glass_stays_light_and_tissue_keeps_its_kind_of_colour():
    rgb = np.full((20, 2, 1, 3), 250, np.float32)
    rgb[:, 0] = (150, 80, 160)
    changed = jitter_stains(rgb, 0.2, DRAWS).numpy()
    assert (changed >= 0).all()
    assert (changed <= 255).all()
    tissue, glass = np.abs(changed - rgb).max(axis=(2, 3)).T
    assert ((tissue > 2) & (tissue < 80)).all()
    assert (glass < 12).all()
