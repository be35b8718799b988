"""Tiles of many calls are scored together, and each call gets its own rows."""

import asyncio
import threading

import numpy as np
import pytest

from slidemill.serving.microbatches import MicroBatches


def tiles_of(*numbers):
    return [np.full((2, 2, 3), number, np.uint8) for number in numbers]


def numbers_of(images):
    return images[:, 0, 0, :1].astype(np.float32)


def in_batches(calls, *, compute=numbers_of, room=100, meanwhile=None):
    """What calls get, of a queue that is filled while its first batch is held; and the sizes of all batches."""
    sizes, opened = [], threading.Event()

    def held(images):
        opened.wait()
        return compute(images)

    async def run():
        batches = MicroBatches(held, largest=8, room=room, observe=sizes.append)
        batches.start()
        tasks = [asyncio.create_task(batches.rows(tiles)) for tiles in calls]
        for _ in range(5):
            await asyncio.sleep(0)  # all have come as far as they can
        if meanwhile is not None:
            meanwhile(batches, tasks)
            await asyncio.sleep(0)
        opened.set()
        found = await asyncio.gather(*tasks, return_exceptions=True)
        await batches.end()
        assert batches.waiting_tiles == 0
        return found

    return asyncio.run(run()), sizes


def test_every_call_gets_its_rows_in_its_order():
    calls = [tiles_of(*range(start, start + 1 + start % 11)) for start in range(0, 200, 7)]
    found, sizes = in_batches(calls, room=1000)
    for tiles, rows in zip(calls, found, strict=True):
        np.testing.assert_array_equal(rows, numbers_of(np.stack(tiles)))
    assert sum(sizes) == sum(map(len, calls))
    assert set(sizes) <= {1, 2, 4, 8}
    assert sizes.count(8) >= len(sizes) - 8  # those that waited went together


def test_calls_wait_for_room_in_their_turn():
    seen = []
    found, _ = in_batches(
        [tiles_of(*range(6)), tiles_of(*range(6)), tiles_of(7)],
        room=8,
        meanwhile=lambda batches, _: seen.append(batches.waiting_tiles),
    )
    assert seen == [6]  # the small one is not let in before the one in front of it
    assert [len(rows) for rows in found] == [6, 6, 1]


def test_a_call_of_more_tiles_than_there_is_room_for_is_served_alone():
    found, _ = in_batches([tiles_of(1), tiles_of(*range(20)), tiles_of(2)], room=8)
    assert [len(rows) for rows in found] == [1, 20, 1]


def test_a_failure_is_told_to_those_that_it_concerns_and_ends_nothing():
    def compute(images):
        if (images == 9).any():
            raise ValueError("nine")
        return numbers_of(images)

    async def run():
        batches = MicroBatches(compute, largest=8, room=100)
        batches.start()
        with pytest.raises(ValueError, match="nine"):
            await batches.rows(tiles_of(*[9] * 20))
        np.testing.assert_array_equal(await batches.rows(tiles_of(2)), [[2]])
        await batches.end()
        assert batches.waiting_tiles == 0

    asyncio.run(run())


@pytest.mark.parametrize("number", [0, 1, 2])
def test_a_call_that_nobody_waits_for_holds_no_other_up(number):
    found, _ = in_batches(
        [tiles_of(1), tiles_of(*range(30)), tiles_of(2)], meanwhile=lambda _, tasks: tasks[number].cancel()
    )
    assert isinstance(found[number], asyncio.CancelledError)
    assert [len(rows) for place, rows in enumerate(found) if place != number] == [
        count for place, count in enumerate((1, 30, 1)) if place != number
    ]
