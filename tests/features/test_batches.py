import threading

import numpy as np
import pytest

from slidemill.features.batches import Batches, Stopped

from ..waiting import PATIENCE_SECONDS

SIZE = 4


def batches_of(count):
    return Batches(lambda: np.zeros((SIZE, 2, 2, 3), np.uint8), count)


def consumed(batches, into):
    for number, tiles in batches.full():
        into[number] = tiles[:, 0, 0, 0].tolist()
        batches.free(number)


@pytest.mark.parametrize("memory", [1, 3])
def test_tiles_of_many_threads_come_to_their_places(memory):
    batches, seen = batches_of(memory), {}
    consumers = [threading.Thread(target=consumed, args=(batches, seen)) for _ in range(2)]

    def produce(start):
        for place in range(start, 90, 3):
            batches.put(place, np.full((2, 2, 3), place, np.uint8))

    producers = [threading.Thread(target=produce, args=(start,)) for start in range(3)]
    for thread in [*consumers, *producers]:
        thread.start()
    for thread in producers:
        thread.join()
    batches.finish(90)
    for thread in consumers:
        thread.join()
    assert sorted(seen) == list(range(23))
    assert [value for number in range(23) for value in seen[number]] == [*range(90), 0, 0]


def test_places_may_stay_empty():
    batches, seen = batches_of(2), {}
    batches.put(0, np.full((2, 2, 3), 9, np.uint8))
    batches.leave_out(1, 6)
    batches.put(6, np.full((2, 2, 3), 8, np.uint8))
    batches.finish(7)
    consumed(batches, seen)
    assert seen[0][0] == 9
    assert seen[1][2:] == [8, 0]


def test_who_waits_for_memory_is_let_go():
    batches = batches_of(1)
    batches.put(0, np.zeros((2, 2, 3), np.uint8))
    stopped = []

    def wait():
        try:
            batches.put(SIZE, np.zeros((2, 2, 3), np.uint8))
        except Stopped:
            stopped.append(True)

    waiting = threading.Thread(target=wait)
    waiting.start()
    batches.stop()
    waiting.join(PATIENCE_SECONDS)
    assert stopped == [True]
    assert list(batches.full()) == []
