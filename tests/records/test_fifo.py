import os
import threading
from types import SimpleNamespace

import pytest

from slidemill.records import DamagedRecordError, FifoChannel, FifoMissingError, RecordWriter, fifo


def records(number, count=30):
    return [f"{number}-{position}".encode() * 20_000 for position in range(count)]


def feed(folder, name, payloads, *, cut=0):
    """Write a pass of a channel, as the other end of its FIFO does."""
    plain = folder / "plain"
    with plain.open("wb") as file:
        writer = RecordWriter(file)
        for payload in payloads:
            writer.write(payload)
    content = plain.read_bytes()
    os.mkfifo(folder / name)
    thread = threading.Thread(target=lambda: (folder / name).write_bytes(content[: len(content) - cut]))
    thread.start()
    return thread


def read(channel):
    return [record for block in channel.blocks() for record in block]


def test_each_reading_uses_up_the_next_fifo(tmp_path):
    channel = FifoChannel(tmp_path / "train_0")
    for number in range(3):
        thread = feed(tmp_path, f"train_0_{number}", records(number))
        assert read(channel) == records(number)
        thread.join()
    assert channel.passes == 3


def test_blocks_hold_more_than_one_record_and_bounded_bytes(tmp_path):
    thread = feed(tmp_path, "c_0", records(0, 200))
    blocks = list(FifoChannel(tmp_path / "c").blocks())
    thread.join()
    assert 1 < len(blocks) < 50
    assert all(sum(map(len, block)) < 4_200_000 for block in blocks)


def test_a_fifo_that_appears_later_is_waited_for(tmp_path, monkeypatch):
    started = []

    def sleep(_):
        if not started:
            started.append(feed(tmp_path, "c_0", records(0)))

    monkeypatch.setattr(fifo, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=sleep))
    assert read(FifoChannel(tmp_path / "c", wait_seconds=60)) == records(0)
    started[0].join()


def test_a_fifo_that_does_not_appear_is_told(tmp_path):
    with pytest.raises(FifoMissingError, match="c_0: no such FIFO after 0"):
        read(FifoChannel(tmp_path / "c", wait_seconds=0.0))


def test_a_fifo_that_ends_inside_a_record_is_told(tmp_path):
    thread = feed(tmp_path, "c_0", records(0), cut=5)
    with pytest.raises(DamagedRecordError, match="c_0: the record at byte"):
        read(FifoChannel(tmp_path / "c"))
    thread.join()
