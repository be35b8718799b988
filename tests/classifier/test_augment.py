import numpy as np
import pytest

from slidemill.classifier.augment import DRAWS, Augmentation, augmented, draw, random_corner
from slidemill.classifier.tiles import TileShape
from slidemill.training.backend import tf

SHAPE = TileShape(64, 60, "crop")


def draws_of(*seeds):
    return tf.stack([draw(tf.constant([seed, 1], tf.int64)) for seed in seeds])


def random_images(count, side=7):
    return tf.constant(np.random.default_rng(count).uniform(0, 255, (count, side, side, 3)), tf.float32)


def orientations(image):
    return [np.rot90(side, turns) for side in (image, image.transpose(1, 0, 2)) for turns in range(4)]


def test_draws_follow_from_the_seed():
    np.testing.assert_array_equal(draws_of(1, 2), draws_of(1, 2))
    first, second = draws_of(1, 2).numpy()
    assert first.shape == (DRAWS,)
    assert not set(first) & set(second)


def test_each_place_of_a_crop_is_as_probable_as_any_other():
    corners = [tuple(random_corner(draws, SHAPE).numpy()) for draws in draws_of(*range(1000))]
    counts = {corner: corners.count(corner) for corner in set(corners)}
    assert set(counts) == {(y, x) for y in range(5) for x in range(5)}
    assert min(counts.values()) > 15  # 40 of each are expected, give or take 6


def test_the_last_place_of_a_crop_is_inside_the_tile():
    greatest = tf.fill([DRAWS], np.nextafter(np.float32(1), np.float32(0)))
    assert random_corner(greatest, SHAPE).numpy().tolist() == [4, 4]


def test_each_tile_is_turned_to_one_of_eight_orientations_and_no_pixel_changes():
    images = random_images(200)
    changed = augmented(images, Augmentation(), draws_of(*range(200))).numpy()
    found = []
    for image, turned in zip(images.numpy(), changed, strict=True):
        (orientation,) = [number for number, one in enumerate(orientations(image)) if np.array_equal(one, turned)]
        found.append(orientation)
    assert min(found.count(orientation) for orientation in range(8)) > 8  # 25 of each are expected, give or take 5


@pytest.mark.parametrize("strength", [0.0, 0.1])
def test_a_tile_is_changed_by_its_own_draws_whatever_its_batch(strength):
    images, draws = random_images(12), draws_of(*range(12))
    whole = augmented(images, Augmentation(strength), draws).numpy()
    parts = [augmented(images[part], Augmentation(strength), draws[part]) for part in (slice(5), slice(5, 12))]
    np.testing.assert_allclose(np.concatenate(parts), whole, rtol=0, atol=1e-3)
    order = np.random.default_rng(0).permutation(12)
    shuffled = augmented(tf.gather(images, order), Augmentation(strength), tf.gather(draws, order))
    np.testing.assert_allclose(shuffled, whole[order], rtol=0, atol=1e-3)


def test_colour_jitter_is_added_to_the_orientation():
    images, draws = random_images(4), draws_of(*range(4))
    turned = augmented(images, Augmentation(), draws).numpy()
    jittered = augmented(images, Augmentation(0.05), draws).numpy()
    differences = np.abs(jittered - turned).max(axis=(1, 2, 3))
    assert (differences > 0.5).all()
    assert (differences < 60).all()
