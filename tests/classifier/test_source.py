"""File, FastFile and Pipe channels give the same batches."""

import contextlib
import os
import threading

import numpy as np
import pytest

from slidemill.classifier.input import train_batches, validation_batches
from slidemill.classifier.source import FifoShards, FileShards
from slidemill.classifier.tiles import TileShape
from slidemill.records import FifoMissingError

SHAPE = TileShape(64, 32)
TILES = 60


@pytest.fixture(scope="module")
def files(write_plan, tmp_path_factory):
    """Three shards of one rank."""
    folder = tmp_path_factory.mktemp("cohort") / "shards"
    write_plan(folder, ranks=3, train=TILES // 3, validation=4)
    return tuple(folder / f"train-{shard}-of-3.tfrecord" for shard in range(3))


def piped(files, folder, *, passes, cut=0):
    """The shards as channels `train_0` and so on, each fed once for each pass."""
    for number, file in enumerate(files):
        paths = [folder / f"train_{number}_{count}" for count in range(passes)]
        for path in paths:
            os.mkfifo(path)
        content = file.read_bytes()
        threading.Thread(target=_feed, args=(paths, content[: len(content) - cut]), daemon=True).start()
    return FifoShards.of([folder / f"train_{number}" for number in range(len(files))])


def _feed(paths, content):
    with contextlib.suppress(BrokenPipeError):  # where one is damaged, the others are not read to their end
        for path in paths:
            path.write_bytes(content)


def train(shards, *, seeds, skipped=0):
    batches = train_batches(
        shards,
        SHAPE,
        epoch_seeds=seeds,
        skipped=skipped,
        tiles=TILES,
        batch_size=8,
        threads=1,
    )
    return [arrays(batch) for batch in batches]


def arrays(batch):
    return [tensor.numpy() for tensor in (*batch.inputs, batch.labels, batch.slides)]


def assert_same(found, expected):
    assert len(found) == len(expected) > 0
    for batch, other in zip(found, expected, strict=True):
        for array, other_array in zip(batch, other, strict=True):
            np.testing.assert_array_equal(array, other_array)


def test_fifos_give_the_batches_of_the_files_epoch_after_epoch(files, tmp_path):
    shards = piped(files, tmp_path, passes=3)
    assert_same(train(shards, seeds=[1, 2], skipped=3), train(FileShards(files), seeds=[1, 2], skipped=3))
    assert [channel.passes for channel in shards.channels] == [2, 2, 2]
    # A dataset that is made anew goes on with the next FIFOs.
    assert_same(train(shards, seeds=[3]), train(FileShards(files), seeds=[3]))


def test_each_validation_uses_up_a_fifo(files, tmp_path):
    shards = piped(files, tmp_path, passes=2)

    def batches(shards):
        return validation_batches(shards, SHAPE, tiles=TILES, batch_size=8, threads=1)

    piped_batches = batches(shards)
    for _ in range(2):
        found = [arrays(batch) for batch in piped_batches]
        assert_same(found, [arrays(batch) for batch in batches(FileShards(files))])


def test_a_damaged_fifo_is_named(files, tmp_path):
    with pytest.raises(Exception, match=r"train_\d_0: the record at byte \d+ is damaged"):
        train(piped(files, tmp_path, passes=1, cut=4), seeds=[1])


def test_a_fifo_that_does_not_come_is_named(files, tmp_path):
    shards = FifoShards.of([tmp_path / "train_0"])
    shards.channels[0]._wait_seconds = 0.0
    with pytest.raises(FifoMissingError, match="train_0_0: no such FIFO"):
        train(shards, seeds=[1])
