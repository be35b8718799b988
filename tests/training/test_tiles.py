import numpy as np
import pytest
import simplejpeg
from PIL import Image

from slidemill.slides import open_slide, read_square
from slidemill.training.backend import tf
from slidemill.training.tiles import Augmentation, TileShape, augmented_tile, decode_tile
from slidemill.units import SlidePixels, TilePixels


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


@pytest.mark.parametrize("model", [20, 37, 50])
def test_training_sees_the_pixels_that_prediction_sees(model):
    """But for their orientation; what is scored is `decode_tile` too (tests/inference)."""
    jpeg, shape = jpeg_of(gradient_image()), TileShape(64, model)
    upright = decode_tile(jpeg, shape).numpy()
    turned = [np.rot90(side, turns) for side in (upright, upright.transpose(1, 0, 2)) for turns in range(4)]
    for seed in range(10):
        tile = augmented_tile(jpeg, shape, Augmentation(), tf.constant([seed, 1], tf.int64)).numpy()
        assert any(np.array_equal(tile, one) for one in turned)


@pytest.mark.parametrize("model", [299, 384, 448])
def test_shrinking_by_less_than_two_is_near_to_a_lanczos_filter(draw_slide, model):
    with open_slide(draw_slide("glands 20x 0.6x0.6mm")) as reader:
        rgb = read_square(reader, SlidePixels(300), SlidePixels(300), extent=SlidePixels(512), size=TilePixels(512))
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=85)
    ideal = Image.fromarray(tf.io.decode_jpeg(jpeg).numpy()).resize((model, model), Image.Resampling.LANCZOS)
    difference = decode_tile(jpeg, TileShape(512, model)).numpy() - np.asarray(ideal, np.float32)
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 30  # dB
    assert abs(difference.mean()) < 0.5
