import threading

import pytest

from slidemill.training.in_flight import InFlight

from .late_device import LateDevice


def test_a_step_is_looked_at_when_the_next_one_was_started():
    device, looks = LateDevice(), []
    with InFlight(lambda step, values: looks.append((step, values, list(device.started)))) as in_flight:
        for step in (1, 2, 3):
            in_flight.add(step, device.start(step, 10 * step, -step))
        assert looks == [(1, [10, -1], [1, 2]), (2, [20, -2], [1, 2, 3])]
        device.finish()
        in_flight.settle()
        assert looks[2:] == [(3, [30, -3], [1, 2, 3])]
        in_flight.settle()
        assert len(looks) == 3


def test_what_goes_wrong_on_the_device_is_raised_where_it_is_looked_at():
    class Broken:
        def numpy(self):
            raise ValueError("broken")

    with InFlight(lambda step, values: None) as in_flight:
        in_flight.add(1, [Broken()])
        with pytest.raises(ValueError, match="broken"):
            in_flight.settle()


def test_after_an_error_nothing_more_is_looked_at_and_the_thread_ends():
    device, looks = LateDevice(), []

    def interrupted():
        with InFlight(lambda step, values: looks.append(step)) as in_flight:
            in_flight.add(1, device.start(1, 1.0))
            device.finish()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert looks == []
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("results")]
