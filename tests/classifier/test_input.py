import numpy as np
import pytest
import simplejpeg

from slidemill.classifier.augment import Augmentation, augmented
from slidemill.classifier.input import epoch_seed, train_batches, validation_batches
from slidemill.classifier.source import FileShards, ShardDataError
from slidemill.classifier.tiles import TileShape, model_input
from slidemill.records import RecordWriter, encode_example
from slidemill.training.backend import tf

TILES = 21
SHAPE = TileShape(stored=16, model=8)


def marked_tile(number):
    """A tile whose grey value is its number, with a dark top left quarter, so that each orientation differs."""
    rgb = np.full((16, 16, 3), 100 + 5 * number, np.uint8)
    rgb[:8, :4] = 0
    return simplejpeg.encode_jpeg(rgb, quality=100, colorsubsampling="444")


def tile(number):
    return {"image/encoded": marked_tile(number), "image/class/label": number, "slide/id": f"s{number}"}


@pytest.fixture(scope="module")
def shard(tmp_path_factory):
    path = tmp_path_factory.mktemp("shard") / "train-0-of-1.tfrecord"
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for number in range(TILES):
            writer.write(encode_example(tile(number)))
    return path


def epochs(shard, seeds, *, threads=1, skipped=0, shape=SHAPE):
    """The augmented tiles and the labels of each batch."""
    batches = train_batches(
        FileShards((shard,)),
        shape,
        epoch_seeds=seeds,
        skipped=skipped,
        tiles=TILES,
        batch_size=4,
        threads=threads,
    )
    read = [
        (augmented(model_input(images, shape), Augmentation(0.05), draws).numpy(), labels.numpy())
        for (images, draws), labels, _ in batches
    ]
    if skipped:
        return read
    return [read[start : start + TILES // 4] for start in range(0, len(read), TILES // 4)]


def labels_of(epoch):
    return [int(label) for _, labels in epoch for label in labels]


def assert_same(first, second):
    for (images, labels), (other_images, other_labels) in zip(first, second, strict=True):
        np.testing.assert_array_equal(labels, other_labels)
        np.testing.assert_array_equal(images, other_images)


def test_every_epoch_has_only_full_batches_and_no_tile_twice(shard):
    for epoch in epochs(shard, [1, 2, 3]):
        assert [images.shape for images, _ in epoch] == [(4, 8, 8, 3)] * (TILES // 4)
        assert len(set(labels_of(epoch))) == TILES // 4 * 4


def test_epochs_differ_in_order(shard):
    first, second = epochs(shard, [1, 2])
    assert labels_of(first) != labels_of(second)


def test_an_epoch_follows_from_its_seed_alone(shard):
    _, second, third = epochs(shard, [1, 2, 3])
    assert_same(epochs(shard, [2])[0], second)
    assert_same(epochs(shard, [3], threads=2)[0], third)


@pytest.mark.parametrize("skipped", [1, 4, TILES // 4])
@pytest.mark.parametrize("shape", [SHAPE, TileShape(stored=16, model=12, fit="crop")])
def test_a_training_that_goes_on_skips_what_it_has_seen_in_the_first_epoch_only(shard, shape, skipped):
    whole = [batch for epoch in epochs(shard, [1, 2], shape=shape) for batch in epoch]
    assert_same(epochs(shard, [1, 2], skipped=skipped, shape=shape), whole[skipped:])


def test_tiles_come_as_they_were_decoded(shard):
    """In a quarter of the bytes that they take as float32; what is left to do is done on the device."""
    shape = TileShape(stored=16, model=10)
    ((images, draws), *_), *_ = train_batches(
        FileShards((shard,)), shape, epoch_seeds=[1], skipped=0, tiles=TILES, batch_size=4, threads=1
    )
    ((validation,), *_), *_ = validation_batches(FileShards((shard,)), shape, tiles=TILES, batch_size=4, threads=1)
    for batch in (images, validation):
        assert (batch.shape, batch.dtype) == ((4, 16, 16, 3), tf.uint8)
    assert len(set(draws.numpy().ravel())) == draws.numpy().size


def test_crops_come_from_every_place(shard):
    shape = TileShape(stored=16, model=15, fit="crop")
    batches = train_batches(
        FileShards((shard,)), shape, epoch_seeds=range(20), skipped=0, tiles=TILES, batch_size=4, threads=1
    )
    # The dark part of a tile is 8 pixels high and 4 wide.
    dark = {
        tuple((image[..., 0] < 50).any(axis=axis).sum() for axis in (1, 0))
        for batch in batches
        for image in batch.inputs[0].numpy()
    }
    assert dark == {(height, width) for height in (7, 8) for width in (3, 4)}


def test_a_batch_tells_the_slides_of_its_tiles(shard):
    for _, labels, slides in validation_batches(FileShards((shard,)), SHAPE, tiles=TILES, batch_size=4, threads=1):
        assert slides.numpy().tolist() == [f"s{label}".encode() for label in labels.numpy()]


def validation(shard, *, tiles=TILES):
    batches = validation_batches(FileShards((shard,)), SHAPE, tiles=tiles, batch_size=4, threads=1)
    return [(images.numpy(), labels.numpy()) for (images,), labels, _ in batches]


def test_validation_has_every_tile_once_in_order(shard):
    batches = validation(shard)
    assert labels_of(batches) == list(range(TILES))
    assert batches[-1][0].shape == (TILES % 4, 8, 8, 3)


def test_a_shard_shorter_than_planned_is_told(shard):
    with pytest.raises(ShardDataError, match="gave 6 batches instead of the planned 8"):
        validation(shard, tiles=30)


def test_a_damaged_shard_is_told(shard, tmp_path):
    damaged = tmp_path / shard.name
    damaged.write_bytes(shard.read_bytes()[:-5])
    with pytest.raises(ShardDataError, match=r"train-0-of-1\.tfrecord: the record at byte \d+ is damaged"):
        validation(damaged)


def test_a_missing_shard_is_told(tmp_path):
    with pytest.raises(ShardDataError, match="there is no such file"):
        validation(tmp_path / "shard")


@pytest.mark.parametrize("fit", ["resize", "crop"])
def test_tiles_of_another_size_than_planned_are_told(shard, fit):
    batches = validation_batches(FileShards((shard,)), TileShape(32, 8, fit), tiles=TILES, batch_size=4, threads=1)
    with pytest.raises(ShardDataError, match=r"not compatible with expected shape|not of the planned size"):
        list(batches)


def test_ranks_and_epochs_have_seeds_of_their_own():
    seeds = {epoch_seed(seed, epoch=epoch, rank=rank) for seed in (1, 2) for epoch in range(5) for rank in range(5)}
    assert len(seeds) == 50
