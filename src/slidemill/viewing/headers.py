"""Headers of every answer: what a browser may do with it."""

from starlette.types import ASGIApp, Message, Receive, Scope, Send

# Everything comes from here, and nothing is written into the page: neither scripts nor styles. Pictures are also drawn
# by the page itself, which is what blob: and data: mean.
_POLICY = (
    "default-src 'self'; img-src 'self' blob: data:; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
_OWN = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
_NOT_KEPT = (b"cache-control", b"no-store")


class SafeHeaders:
    """An application whose answers have the headers; what says nothing of caching is not kept.

    Args:
        app: what answers.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = message.setdefault("headers", [])
                headers.extend(_OWN)
                if not any(name == b"cache-control" for name, _ in headers):
                    headers.append(_NOT_KEPT)
            await send(message)

        await self._app(scope, receive, send_with_headers)
