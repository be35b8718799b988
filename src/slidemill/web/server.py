"""The process that listens: its socket, its signals and its end."""

import signal
import socket
from collections.abc import Callable

import uvicorn
from starlette.types import ASGIApp

from slidemill.errors import SlidemillError
from slidemill.web.connections import limited_protocol
from slidemill.web.settings import Access


class AddressError(SlidemillError):
    """An address that cannot be listened at."""

    def __init__(self, access: Access, reason: str) -> None:
        super().__init__(access, reason)
        self.access = access
        self.reason = reason

    def __str__(self) -> str:
        return (
            f"cannot listen at {self.access.host}, port {self.access.port}: {self.reason}. Give another port, or 0 for "
            "any that is free."
        )


def bind(access: Access) -> socket.socket:
    """Take the address, before anything that costs time.

    Raises:
        AddressError: it is taken, or not of this machine.
    """
    try:
        family, _, _, _, address = socket.getaddrinfo(access.host, access.port, type=socket.SOCK_STREAM)[0]
        own = socket.socket(family, socket.SOCK_STREAM)
        try:
            own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            own.bind(address)
        except BaseException:
            own.close()
            raise
    except (OSError, OverflowError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        raise AddressError(access, reason[:1].lower() + reason[1:]) from None
    return own


def url_of(own: socket.socket) -> str:
    """How this machine reaches a socket that listens."""
    host, port = own.getsockname()[:2]
    if host in ("0.0.0.0", "::"):  # noqa: S104 - compared, not listened at
        host = "127.0.0.1"
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def serve(app: ASGIApp, own: socket.socket, access: Access, *, ready: Callable[[], object]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that were taken by then are answered.

    Args:
        app: what answers.
        own: from `bind`; closed at the end.
        access: limits of connections.
        ready: called when requests are taken.
    """
    limits = access.limits
    config = uvicorn.Config(
        app,
        http=limited_protocol(limits),
        ws="none",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        backlog=limits.connections,
        timeout_keep_alive=max(1, round(limits.header_seconds)),
    )
    # uvicorn raises the signal again when it has ended in order, for those who started it before.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)
    _Server(config, ready).run(sockets=[own])


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config, ready: Callable[[], object]) -> None:
        super().__init__(config)
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self._ready()
