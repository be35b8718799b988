"""HTTP connections that no client can hold open, or fill the memory through, before a request is whole."""

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from slidemill.web.settings import Limits

_FULL = (
    b"HTTP/1.1 503 Service Unavailable\r\nconnection: close\r\nretry-after: %d\r\ncontent-type: application/json\r\n"
    b"content-length: %d\r\n\r\n%b"
)
_TOO_MANY = b'{"error":"too many connections are open; come again"}'


def limited_protocol(limits: Limits) -> type[HttpToolsProtocol]:
    """The protocol of uvicorn with limits on what comes before a request's body.

    Without them it waits for headers for ever and keeps as many of them as come; bodies are the application's to limit.
    """

    class LimitedProtocol(HttpToolsProtocol):
        _deadline: asyncio.TimerHandle | None = None
        _header_bytes = 0
        _in_headers = True

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) > limits.connections:
                transport.write(_FULL % (limits.retry_after_seconds, len(_TOO_MANY), _TOO_MANY))
                transport.close()
                return
            self._await_headers()

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)

        def data_received(self, data: bytes) -> None:
            if self._in_headers:
                if self._deadline is None:
                    self._await_headers()
                self._header_bytes += len(data)
                if self._header_bytes > limits.header_bytes and self._has_too_many(data):
                    return
            super().data_received(data)

        def on_message_begin(self) -> None:
            super().on_message_begin()
            self._in_headers = True

        def on_headers_complete(self) -> None:
            self._in_headers = False
            self._header_bytes = 0
            self._stop_waiting()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_headers = True
            super().on_message_complete()

        def _has_too_many(self, data: bytes) -> bool:
            """Whether headers alone are too long; what follows them in the same piece of data is not theirs."""
            end = data.find(b"\r\n\r\n")
            if end >= 0 and self._header_bytes - len(data) + end <= limits.header_bytes:
                return False
            self._refuse()
            return True

        def _await_headers(self) -> None:
            self._deadline = self.loop.call_later(limits.header_seconds, self._refuse)

        def _stop_waiting(self) -> None:
            if self._deadline is not None:
                self._deadline.cancel()
                self._deadline = None

        def _refuse(self) -> None:
            self._stop_waiting()
            if not self.transport.is_closing():
                self.send_400_response("The request's headers are too long, or came too slowly.")

    return LimitedProtocol
