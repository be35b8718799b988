"""A service as its clients see it: something that takes bodies and gives answers."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any

import requests

from slidemill.errors import SlidemillError

Post = Callable[[bytes, str], Any]  # a body and its Content-Type, to what the answer's JSON says; on any thread

_TRIES = 100
_SECONDS = 600.0  # for an answer


class EndpointError(SlidemillError):
    """A service that does not answer, or refuses."""

    def __init__(self, url: str, reason: str) -> None:
        super().__init__(url, reason)
        self.url = url
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.url}: {self.reason}."


@dataclass(frozen=True, slots=True)
class ServedFacts:
    """What a client has to know of a model that is served.

    Attributes:
        classes: class names, in the order of scores.
        tile_size: pixels, side of the tiles that it takes.
        mpp: microns per pixel of those tiles.
        method: as in the model's description.
        sha256: of the model's file.
        slide_tiles: of a slide it takes so many tiles, those with most tissue; None for all.
    """

    classes: tuple[str, ...]
    tile_size: int
    mpp: float
    method: str
    sha256: str
    slide_tiles: int | None = None


def facts_in(answer: Any, place: str) -> ServedFacts:
    """What a service at a place says of its model.

    Raises:
        EndpointError: it says something else.
    """
    try:
        return ServedFacts(**answer | {"classes": tuple(answer["classes"])})
    except (TypeError, KeyError):
        raise EndpointError(place, "is no service of slidemill") from None


class HttpEndpoint:
    """A service at an address.

    Attributes:
        body_bytes: of a good request, where tiles may come in several.
    """

    body_bytes = 5_000_000

    def __init__(self, url: str, *, token: str | None = None) -> None:
        """Note the address.

        Args:
            url: such as http://127.0.0.1:8080.
            token: that the service asks for; None for none.
        """
        self._url = url.rstrip("/")
        self._headers = {} if token is None else {"Authorization": f"Bearer {token}"}

    def facts(self) -> ServedFacts:
        """What the service says of its model.

        Raises:
            EndpointError: it does not answer, or is something else.
        """
        return facts_in(self._answer("GET", "/model"), self._url)

    def post(self, body: bytes, content_type: str) -> Any:
        """What it says of a body; waits while the service is full.

        Raises:
            EndpointError: it does not answer, or refuses.
        """
        return self._answer("POST", "/invocations", body, content_type)

    def _answer(self, method: str, path: str, body: bytes | None = None, content_type: str | None = None) -> Any:
        headers = self._headers | ({} if content_type is None else {"Content-Type": content_type})
        for _ in range(_TRIES):
            try:
                reply = requests.request(method, self._url + path, data=body, headers=headers, timeout=_SECONDS)
                said = reply.json()
            except requests.JSONDecodeError:
                raise EndpointError(self._url, f"answers {reply.status_code} and no JSON") from None
            except requests.RequestException as error:
                raise EndpointError(self._url, f"does not answer ({type(error).__name__})") from None
            if reply.status_code != HTTPStatus.SERVICE_UNAVAILABLE:
                break
            wait = reply.headers.get("Retry-After", "1")
            time.sleep(int(wait) if wait.isdecimal() else 1)
        if reply.status_code != HTTPStatus.OK:
            sentence = said.get("error") if isinstance(said, dict) else None
            raise EndpointError(self._url, f"answers {reply.status_code}: {sentence or 'no reason is given'}")
        return said
