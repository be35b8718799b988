"""A browser's way past the gate: the token in a link becomes a cookie, and leaves the address line."""

import hashlib
import hmac
from http.cookies import CookieError, SimpleCookie
from urllib.parse import parse_qs, urlencode

from starlette.types import Scope, Send

_PARAMETER = "token"


class Session:
    """Knows who came by the link.

    Args:
        token: in the link.
        name: of the cookie; with the port, because browsers keep the cookies of all ports of a machine together.
    """

    def __init__(self, token: str, name: str) -> None:
        self._token = token.encode()
        self._name = name
        # Other servers of this machine see the cookie, and are not to learn the token by it.
        self._value = hmac.new(self._token, b"slidemill session", hashlib.sha256).hexdigest()

    def admits(self, headers: dict[bytes, bytes]) -> bool:
        """Whether a request has the cookie."""
        try:
            cookies = SimpleCookie(headers.get(b"cookie", b"").decode("latin-1"))
        except CookieError:
            return False
        given = cookies.get(self._name)
        return given is not None and hmac.compare_digest(given.value.encode(), self._value.encode())

    def is_link(self, scope: Scope) -> bool:
        """Whether a request is for the page, by the link and with the right token."""
        given = _query(scope).get(_PARAMETER, [""])[-1]
        is_page = scope["method"] in ("GET", "HEAD") and scope["path"] == "/"
        return is_page and hmac.compare_digest(given.encode("utf-8", "replace"), self._token)

    async def send_on(self, scope: Scope, send: Send) -> None:
        """Give the cookie, and send the browser to the same address without the token."""
        query = _query(scope)
        query.pop(_PARAMETER, None)
        rest = urlencode(query, doseq=True, errors="replace")
        location = f"/?{rest}" if rest else "/"
        cookie = f"{self._name}={self._value}; Path=/; HttpOnly; SameSite=Strict"
        headers = [
            (b"location", location.encode("ascii", "replace")),
            (b"set-cookie", cookie.encode()),
            (b"cache-control", b"no-store"),
            (b"content-length", b"0"),
        ]
        await send({"type": "http.response.start", "status": 303, "headers": headers})
        await send({"type": "http.response.body", "body": b""})


def _query(scope: Scope) -> dict[str, list[str]]:
    try:
        return parse_qs(scope["query_string"].decode("latin-1"), max_num_fields=100)
    except ValueError:
        return {}
