import numpy as np
import pytest
import simplejpeg

from slidemill.training.backend import tf
from slidemill.training.tiles import Augmentation, TileShape, augmented_tile, decode_tile


def gradient_image():
    y, x = np.mgrid[:64, :64]
    return np.stack([x * 3, y * 3, np.full_like(x, 120)], axis=-1).astype(np.uint8)


def jpeg_of(rgb):
    return simplejpeg.encode_jpeg(rgb, quality=100, colorsubsampling="444")


@pytest.mark.parametrize("model", [8, 16, 20, 32, 64, 100])
def test_decoded_tile_is_the_scaled_down_image(model):
    tile = decode_tile(jpeg_of(gradient_image()), TileShape(64, model)).numpy()
    assert tile.shape == (model, model, 3)
    assert tile.dtype == np.float32
    centres = (np.arange(model) + 0.5) * 64 / model - 0.5
    np.testing.assert_allclose(tile[:, :, 0].mean(axis=0), centres.clip(0, 63) * 3, atol=3)
    np.testing.assert_allclose(tile[:, :, 1].mean(axis=1), centres.clip(0, 63) * 3, atol=3)


@pytest.mark.parametrize("model", [8, 33, 64])
def test_a_crop_is_the_middle_of_the_tile(model):
    start = (64 - model) // 2
    part = gradient_image()[start : start + model, start : start + model]
    tile = decode_tile(jpeg_of(gradient_image()), TileShape(64, model, "crop")).numpy()
    assert tile.shape == part.shape
    np.testing.assert_allclose(tile, part, atol=4)  # JPEG itself is no more exact at the edges


def test_training_crops_at_every_place():
    jpeg = jpeg_of(gradient_image())
    corners = set()
    for seed in range(300):
        tile = augmented_tile(jpeg, TileShape(64, 60, "crop"), Augmentation(), tf.constant([seed, 1], tf.int64)).numpy()
        corners.add(tuple(round(float(tile[..., channel].mean()) / 3 - 29.5) for channel in (0, 1)))
    assert corners == {(x, y) for x in range(5) for y in range(5)}


def test_colour_jitter_changes_the_tile_by_its_seed_and_keeps_glass_light():
    rgb = np.full((16, 16, 3), 250, np.uint8)
    rgb[:8] = (150, 80, 160)
    jpeg, shape = jpeg_of(rgb), TileShape(16, 16)

    def tile(strength, seed):
        seeds = tf.constant([seed, 1], tf.int64)
        return np.sort(augmented_tile(jpeg, shape, Augmentation(strength), seeds).numpy().reshape(-1, 3), axis=0)

    plain = tile(0.0, 1)
    np.testing.assert_array_equal(tile(0.2, 1), tile(0.2, 1))
    assert np.abs(tile(0.2, 1) - tile(0.2, 2)).max() > 2
    for seed in range(10):
        changed = tile(0.2, seed)
        assert (changed >= 0).all()
        assert (changed <= 255).all()
        assert 2 < np.abs(changed - plain).max() < 80
        assert np.abs(changed - plain)[-100:].max() < 12  # the light half
