"""What every request of a server passes: the names that it is called by, its token, its id, its line in the log.

It knows nothing of what is served.
"""

import hmac
import json
import logging
import re
import secrets
import time
from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from slidemill.web.sentences import refusal_as_json
from slidemill.web.session import Session
from slidemill.web.settings import LOOPBACK, Access

_LOG = logging.getLogger("slidemill.requests")
_REQUEST_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")

Count = Callable[[str, int, float], object]  # told of a request's path, status and seconds


class Gate:
    """An application before another one."""

    def __init__(
        self,
        app: ASGIApp,
        access: Access,
        *,
        is_open: Callable[[str], bool],
        count: Count,
        session: Session | None = None,
    ) -> None:
        """Stand before an application.

        Args:
            app: what answers.
            access: who may ask.
            is_open: whether a path is answered without a token.
            count: told of each request; unknown paths are one.
            session: admits browsers; None where there are only clients that send the token.
        """
        self._app = app
        self._expected = None if access.token is None else f"Bearer {access.token}".encode()
        # A page of another site can reach this machine by a name of its own that resolves to loopback.
        self._hosts = frozenset(LOOPBACK) if access.is_loopback else None
        self._is_open = is_open
        self._count = count
        self._session = session

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start = time.perf_counter()
        headers = dict(scope["headers"])
        own_id = _request_id(headers)
        status = 500

        async def send_with_id(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message.setdefault("headers", []).append((b"x-request-id", own_id))
            await send(message)

        try:
            if (refusal := self._refusal(scope["path"], headers)) is not None:
                await _refuse(send_with_id, *refusal)
            elif self._session is not None and self._session.is_link(scope):
                await self._session.send_on(scope, send_with_id)
            else:
                await self._app(scope, receive, send_with_id)
        finally:
            seconds = time.perf_counter() - start
            route = getattr(scope.get("route"), "path", "other")
            self._count(route, status, seconds)
            if _LOG.isEnabledFor(logging.INFO):
                _LOG.info(
                    json.dumps(
                        {
                            "request": own_id.decode(),
                            "method": scope["method"],
                            "path": route,
                            "status": status,
                            "seconds": round(seconds, 4),
                        }
                    )
                )

    def _refusal(self, path: str, headers: dict[bytes, bytes]) -> tuple[int, str] | None:
        if self._hosts is not None and _host_name(headers.get(b"host", b"")) not in self._hosts:
            return 421, "this service is called by localhost or 127.0.0.1 alone"
        if self._expected is None or self._is_open(path):
            return None
        if hmac.compare_digest(headers.get(b"authorization", b""), self._expected):
            return None
        if self._session is None:
            return 401, "a token is needed: send the header Authorization: Bearer TOKEN"
        if self._session.admits(headers):
            return None
        return 401, "a token is needed: open the link that was printed when the server started"


def _request_id(headers: dict[bytes, bytes]) -> bytes:
    """The client's own, where it is harmless in a log."""
    given = headers.get(b"x-request-id", b"")
    return given if _REQUEST_ID.fullmatch(given) else secrets.token_hex(8).encode()


def _host_name(host: bytes) -> str:
    name = host.decode("latin-1").lower()
    if name.startswith("["):
        return name[1:].partition("]")[0]
    return name.partition(":")[0]


async def _refuse(send: Send, status: int, sentence: str) -> None:
    content = refusal_as_json(sentence)
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(content)).encode())]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    # The body was not read, and is not going to be.
    headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": content})
