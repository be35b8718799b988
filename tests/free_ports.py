"""Ports for servers that cannot take any port and tell which."""

import contextlib
import random
import socket


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, below those that Linux gives to whoever asks for any: so nobody gets them before
    the server has started. No other process of the tests gets them either, until this one ends."""
    found: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1_000):
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            _claim(port)
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no ports are free")


def _claim(port: int) -> None:
    """Take a name that only one process can have, and leave it open.

    Raises:
        OSError: another process has it.
    """
    with socket.socket(socket.AF_UNIX) as name:
        name.bind(f"\0a port of slidemill's tests: {port}")  # in no folder, and gone with the process
        name.detach()
