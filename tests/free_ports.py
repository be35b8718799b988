"""Ports for servers that cannot take any port and tell which."""

import contextlib
import random
import socket


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens at, below those that Linux gives to whoever asks for any: so nobody gets them before
    the server has started."""
    found: list[int] = []
    for port in random.sample(range(20_000, 30_000), 1_000):
        with contextlib.suppress(OSError), socket.create_server(("", port)):
            found.append(port)
        if len(found) == count:
            return found
    raise AssertionError("no ports are free")
