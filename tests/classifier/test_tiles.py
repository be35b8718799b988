import numpy as np
import pytest
import simplejpeg
from PIL import Image

from slidemill.classifier.tiles import TileShape, decode_tile, model_input
from slidemill.slides import open_slide, read_square
from slidemill.training.backend import tf
from slidemill.units import SlidePixels, TilePixels


def gradient_image():
    y, x = np.mgrid[:64, :64]
    return np.stack([x * 3, y * 3, np.full_like(x, 120)], axis=-1).astype(np.uint8)


def jpeg_of(rgb):
    return simplejpeg.encode_jpeg(rgb, quality=100, colorsubsampling="444")


def pixels_of(jpeg, shape):
    """What the model sees of a tile."""
    decoded = decode_tile(jpeg, shape)
    assert decoded.dtype == tf.uint8
    return model_input(decoded[None], shape)[0].numpy()


@pytest.mark.parametrize(
    ("model", "decoded"), [(3, 8), (8, 8), (9, 16), (16, 16), (20, 32), (32, 32), (33, 64), (64, 64), (100, 64)]
)
def test_the_decoder_shrinks_as_far_as_it_can(model, decoded):
    """So that threads that read tiles hold no more pixels than they must."""
    assert TileShape(64, model).decoded == decoded
    assert decode_tile(jpeg_of(gradient_image()), TileShape(64, model)).shape == (decoded, decoded, 3)


@pytest.mark.parametrize("model", [3, 8, 16, 20, 32, 64, 100])
def test_the_model_sees_the_scaled_down_image(model):
    tile = pixels_of(jpeg_of(gradient_image()), TileShape(64, model))
    assert tile.shape == (model, model, 3)
    assert tile.dtype == np.float32
    centres = (np.arange(model) + 0.5) * 64 / model - 0.5
    np.testing.assert_allclose(tile[:, :, 0].mean(axis=0), centres.clip(0, 63) * 3, atol=3)
    np.testing.assert_allclose(tile[:, :, 1].mean(axis=1), centres.clip(0, 63) * 3, atol=3)


@pytest.mark.parametrize("model", [8, 33, 64])
def test_a_crop_is_the_middle_of_the_tile(model):
    start = (64 - model) // 2
    part = gradient_image()[start : start + model, start : start + model]
    tile = pixels_of(jpeg_of(gradient_image()), TileShape(64, model, "crop"))
    assert tile.shape == part.shape
    np.testing.assert_allclose(tile, part, atol=4)  # JPEG itself is no more exact at the edges


@pytest.mark.parametrize("model", [3, 20, 50, 64])
def test_a_tile_looks_the_same_in_any_batch_and_alone(model):
    """And as TensorFlow resizes it alone, without a detour over floating point numbers."""
    generator = np.random.default_rng(0)
    shape = TileShape(64, model)
    tiles = [decode_tile(jpeg_of(generator.integers(0, 256, (64, 64, 3), np.uint8)), shape) for _ in range(3)]
    together = model_input(tf.stack(tiles), shape).numpy()
    method = "area" if shape.decoded >= 2 * model else "bilinear"
    for tile, pixels in zip(tiles, together, strict=True):
        np.testing.assert_array_equal(model_input(tile[None], shape)[0], pixels)
        np.testing.assert_array_equal(tf.image.resize(tile, (model, model), method=method), pixels)


@pytest.mark.parametrize("model", [299, 384, 448])
def test_shrinking_by_less_than_two_is_near_to_a_lanczos_filter(draw_slide, model):
    with open_slide(draw_slide("glands 20x 0.6x0.6mm")) as reader:
        rgb = read_square(reader, SlidePixels(300), SlidePixels(300), extent=SlidePixels(512), size=TilePixels(512))
    jpeg = simplejpeg.encode_jpeg(np.ascontiguousarray(rgb), quality=85)
    ideal = Image.fromarray(tf.io.decode_jpeg(jpeg).numpy()).resize((model, model), Image.Resampling.LANCZOS)
    difference = pixels_of(jpeg, TileShape(512, model)) - np.asarray(ideal, np.float32)
    assert 10 * np.log10(255**2 / np.mean(difference**2)) > 30  # dB
    assert abs(difference.mean()) < 0.5
