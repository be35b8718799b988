"""Bags of the pixels of tiles: what is read of slides, and how it is changed in training."""

from dataclasses import replace

import numpy as np
import pytest
import simplejpeg

from slidemill.classifier.augment import Augmentation, augmented
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.tiles import model_input
from slidemill.mil.bags import bags_of
from slidemill.mil.batches import batch_of, training_batches, whole_bags
from slidemill.mil.model import log_scores_model, pixel_bag_model
from slidemill.mil.parameters import DrawingParameters, MilModelParameters
from slidemill.mil.pixel_files import PixelFiles, pixels_sha256
from slidemill.mil.step import bag_learning, bag_scoring, changed_pixels
from slidemill.records import RecordsError
from slidemill.tiling.store import read_store, write_store
from slidemill.training.backend import tf

from ..classifier.conftest import TILE_SIZE
from .conftest import CLASSES, row, write_tiles

SHAPE = TileShape(TILE_SIZE, 32)
GREYS = (40, 90, 140, 190, 240)
TISSUE = (0.6, 1.0, 0.7, 0.9, 0.8)
TAKEN = 3  # of these, which have numbers 1, 3 and 4


@pytest.fixture(scope="module", autouse=True)
def _one_thread(one_thread):
    """TensorFlow with one thread."""


def grey(value):
    return simplejpeg.encode_jpeg(np.full((TILE_SIZE, TILE_SIZE, 3), value, np.uint8), quality=95)


@pytest.fixture
def slides(tmp_path):
    """Two slides, of which the second has fewer tiles than are taken."""
    write_tiles(tmp_path, "A1", [grey(value) for value in GREYS], TISSUE)
    write_tiles(tmp_path, "B1", [grey(value) for value in GREYS[:2]], TISSUE[:2])
    return tmp_path


def opened(folder, counts=(TAKEN, 2)):
    rows = [row("A1", counts[0]), row("B1", counts[1], label="B")]
    return rows, PixelFiles.of(rows, folder, (), most=TAKEN, shape=SHAPE, moves=lambda: None)


def test_the_tiles_with_most_tissue_are_read_as_the_classifier_decodes_them(slides):
    _, files = opened(slides)
    whole = files.of_slide(0)
    assert whole.shape == (TAKEN, 32, 32, 3)
    assert whole.dtype == np.uint8
    np.testing.assert_allclose(whole.mean(axis=(1, 2, 3)), [90, 190, 240], atol=1)
    np.testing.assert_array_equal(files.of_slide(0, np.array([0, 2])), whole[[0, 2]])
    np.testing.assert_allclose(files.of_slide(1).mean(axis=(1, 2, 3)), [40, 90], atol=1)


def test_the_hash_is_of_what_is_taken(slides):
    def found():
        rows, files = opened(slides)
        return pixels_sha256(rows, [files], (), lambda: None)

    before = found()
    write_tiles(slides, "A1", [grey(value) for value in (99, *GREYS[1:])], TISSUE)
    assert found() == before  # the first tile of this slide is not taken
    write_tiles(slides, "A1", [grey(value) for value in (GREYS[0], 99, *GREYS[2:])], TISSUE)
    assert found() != before


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda path: path.unlink(), "No such file"),
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "record at byte"),
        (lambda path: write_tiles(path.parent, "A1", [b"no JPEG"] * 5, TISSUE), "a tile is no JPEG"),
    ],
)
def test_records_that_cannot_be_read_are_told_by_their_name(slides, change, told):
    _, files = opened(slides)
    change(slides / "A1.tfrecord")
    if told == "a tile is no JPEG":
        _, files = opened(slides)
    with pytest.raises(RecordsError, match=rf"A1\.tfrecord: missing or damaged tiles \(.*{told}") as refusal:
        files.of_slide(0)
    assert "\n" not in str(refusal.value)


def test_other_tiles_than_splits_tsv_counted_are_refused(slides):
    with pytest.raises(RecordsError, match="2 of its tiles are taken, and 3 by splits"):
        opened(slides, counts=(TAKEN, 3))


def test_a_slide_that_was_tiled_without_pixels_is_refused(slides):
    index = slides / "A1.zarr.zip"
    store = read_store(index)
    write_store(index, replace(store, offset=store.offset * 0, length=store.length * 0))
    with pytest.raises(RecordsError, match=r"A1\.tfrecord: .*the slide was tiled without its pixels"):
        opened(slides)


def bags_and_files(slides):
    rows, files = opened(slides)
    return bags_of(rows, CLASSES, bag="slide"), files


def drawn(slides, *, rank=0, ranks=1, epoch=0):
    bags, files = bags_and_files(slides)
    parameters = DrawingParameters(bags_per_step=2, seed=1)
    own = training_batches(bags, files, parameters, epochs=[epoch], skipped=0, rank=rank, ranks=ranks, threads=1)
    (batch,) = own
    return batch


def test_random_numbers_of_a_tile_do_not_depend_on_ranks_or_padding(slides):
    together = drawn(slides)
    numbers = together.random_numbers(4)
    assert numbers.shape == (2, 16, 4)
    assert 0 <= numbers.min() < numbers.max() < 1
    for rank in range(2):
        alone = drawn(slides, rank=rank, ranks=2)
        (place,) = np.flatnonzero(together.bags == alone.bags[0])
        np.testing.assert_array_equal(alone.random_numbers(4)[0], numbers[place])
    assert (drawn(slides, epoch=1).random_numbers(4) != numbers).mean() > 0.9


def test_in_training_tiles_are_changed_as_the_classifiers_and_else_not(slides):
    preparation = changed_pixels(SHAPE, Augmentation(0.3))
    generator = np.random.default_rng(0)
    tiles = tf.constant(generator.integers(0, 256, (2, 16, 32, 32, 3)), tf.uint8)
    draws = generator.random((2, 16, preparation.draws), np.float32)
    flat = model_input(tf.reshape(tiles, (-1, 32, 32, 3)), SHAPE)
    changed = augmented(flat, Augmentation(0.3), tf.reshape(draws, (32, -1)))
    np.testing.assert_allclose(
        preparation.of(tiles, tf.constant(draws)), tf.reshape(changed, (2, 16, 32, 32, 3)), rtol=1e-6
    )
    np.testing.assert_array_equal(preparation.of(tiles, None), tf.cast(tiles, tf.float32))
    assert np.abs(changed - flat).mean() > 1


def test_a_step_takes_bags_of_pixels_and_padding_changes_nothing(slides):
    bags, files = bags_and_files(slides)
    model = pixel_bag_model(
        MilModelParameters(hidden=(8,), attention_width=4, dropout=0.0, seed=1), side=32, class_count=3
    )
    preparation = changed_pixels(SHAPE, Augmentation())
    learning, scoring = bag_learning(model, preparation), bag_scoring(model, preparation)
    batch = drawn(slides)
    inputs = (batch.tiles, batch.mask, batch.weights / 2, batch.random_numbers(preparation.draws))
    step = tf.function(learning.loss_of, input_signature=learning.signature)
    loss, tally = step(tuple(map(tf.constant, inputs)), tf.constant(batch.labels))
    assert np.isfinite(loss)
    assert tally[2] == 2
    (whole,) = whole_bags(bags, files, rank=0, ranks=1, threads=1, tiles_at_once=64)
    _, scores = scoring.scores_of((tf.constant(whole.tiles), tf.constant(whole.mask)), tf.constant(whole.labels))
    for place, number in enumerate(whole.bags.tolist()):
        own = files.of_slide(bags.bags[number].slides[0])
        taken = {"tiles": own[None].astype(np.float32), "mask": np.ones((1, len(own)), np.bool_)}
        alone = np.exp(log_scores_model(model)(taken, training=False))
        np.testing.assert_allclose(scores[place], alone[0], rtol=1e-5)
    assert batch_of(bags, files, [], [], bags_of_step=2).tiles.shape == (1, 16, 32, 32, 3)
