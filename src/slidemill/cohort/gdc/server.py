"""A GDC server: requests to it, and what its answers mean."""

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from types import TracebackType
from typing import Any, Self

import requests
from urllib3.exceptions import HTTPError

from slidemill.cohort.gdc.address import check_address
from slidemill.cohort.gdc.errors import RefusedError, ServerUnavailableError, TransientError
from slidemill.cohort.gdc.patience import Patience, requested_wait_s

_TOKEN_HEADER = "X-Auth-Token"  # noqa: S105
# Every other answer from 400 to 499 is final. What begins with 5 is the server's own trouble and may pass.
_WORTH_ANOTHER_TRY = {
    HTTPStatus.REQUEST_TIMEOUT,
    HTTPStatus.MISDIRECTED_REQUEST,
    HTTPStatus.TOO_EARLY,
    HTTPStatus.TOO_MANY_REQUESTS,
}
_ADVICE = {
    HTTPStatus.UNAUTHORIZED: "Give a token of your own that is still valid (acquire.token_file).",
    HTTPStatus.FORBIDDEN: "The file is of controlled access: give your token (acquire.token_file).",
    HTTPStatus.NOT_FOUND: "Correct its file_id, or select the cohort anew: files are replaced at times.",
}


class GdcServer:
    """The GDC, or another server with its interface. A context manager.

    Args:
        url: such as `GDC`.
        patience: its `timeout_s` is how long each answer may take to begin, and each part of it to follow.
        connections: how many may be open at once.
        token: for controlled access; it goes to this very host only, and encrypted.
    """

    def __init__(self, url: str, patience: Patience, *, connections: int = 1, token: str | None = None) -> None:
        check_address(url, with_token=token is not None)
        self.url = url.rstrip("/")
        self.patience = patience
        self._session = _Session()
        self._session.headers["Accept-Encoding"] = "identity"
        if token:
            self._session.headers[_TOKEN_HEADER] = token
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=connections)
        self._session.mount("https://", adapter)
        self._session.mount("http://", adapter)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._session.close()

    @contextmanager
    def stream(self, path: str, headers: Mapping[str, str]) -> Iterator[requests.Response]:
        """Ask for a file; its bytes are read from the answer's `raw`.

        Raises:
            TransientError: connection or answer failed in a way that may pass.
            RefusedError: the server will not give it.
        """
        with _transient_failures():
            response = self._session.get(
                f"{self.url}{path}", headers=dict(headers), stream=True, timeout=self.patience.timeout_s
            )
            with response:
                _check_status(response)
                yield response

    def ask(self, path: str, question: Mapping[str, Any]) -> Any:
        """Ask a question, until a whole answer comes or patience ends.

        Returns:
            The answer, which is JSON.

        Raises:
            ServerUnavailableError: no answer came that could be read.
            RefusedError: the server does not take the question.
        """
        try:
            for attempt in self.patience.attempts():
                with attempt, _transient_failures():
                    response = self._session.post(f"{self.url}{path}", json=question, timeout=self.patience.timeout_s)
                    _check_status(response)
                    return _parsed(response)
        except TransientError as error:
            raise ServerUnavailableError(f"{self.url} does not answer as it should ({error}). Try later.") from error
        raise AssertionError  # the attempts end with an answer or an error

    def check_status(self) -> None:
        """Ask whether the server is well, once.

        Raises:
            ServerUnavailableError: it cannot be reached, or says that it is not.
        """
        try:
            with _transient_failures():
                response = self._session.get(f"{self.url}/status", timeout=self.patience.timeout_s)
                _check_status(response)
                status = response.json().get("status")
        except (TransientError, RefusedError, ValueError) as error:
            raise ServerUnavailableError(
                f"{self.url} cannot be used now ({error}). Check the network, or try again later; "
                "what was downloaded is kept."
            ) from error
        if status != "OK":
            raise ServerUnavailableError(f"{self.url} says that its status is '{status}'. Try again later.")


class _Session(requests.Session):
    def rebuild_auth(self, prepared_request: requests.PreparedRequest, response: requests.Response) -> None:
        """Send the token to no other host than the one that was asked."""
        super().rebuild_auth(prepared_request, response)  # type: ignore[no-untyped-call]
        if self.should_strip_auth(response.request.url, prepared_request.url):  # type: ignore[no-untyped-call]
            prepared_request.headers.pop(_TOKEN_HEADER, None)


@contextmanager
def _transient_failures() -> Iterator[None]:
    try:
        yield
    except (requests.ConnectionError, requests.Timeout) as error:
        raise TransientError(_in_short(error)) from error
    except (requests.RequestException, HTTPError, ConnectionError, TimeoutError) as error:
        # urllib3's own errors, and those of the socket, come up while the bytes are read.
        raise TransientError(_in_short(error)) from error


def _in_short(error: BaseException) -> str:
    """The innermost cause, without the addresses of objects in memory."""
    cause: BaseException = error
    while True:
        inner = getattr(cause, "reason", None) or next((a for a in cause.args if isinstance(a, BaseException)), None)
        if not isinstance(inner, BaseException) or inner is cause:
            break
        cause = inner
    text = re.sub(r"<[^>]*>:? ?|^\w*Connection\w*\([^)]*\): ", "", str(cause)).strip()
    return text or type(cause).__name__


def _check_status(response: requests.Response) -> None:
    code = response.status_code
    if code < HTTPStatus.BAD_REQUEST:
        return
    answer = f"the server answered {code} {response.reason or ''}".strip()
    if code in _WORTH_ANOTHER_TRY or code >= HTTPStatus.INTERNAL_SERVER_ERROR:
        raise TransientError(answer, requested_wait_s(response.headers.get("Retry-After")))
    raise RefusedError(f"{answer}. {_ADVICE.get(HTTPStatus(code), 'See the GDC documentation.')}")


def _parsed(response: requests.Response) -> Any:
    stated = response.headers.get("Content-Length")
    if stated is not None and int(stated) != len(response.content):
        raise TransientError(f"the answer has {len(response.content)} of {stated} bytes")
    try:
        return response.json()
    except ValueError as error:
        raise TransientError("the answer is not JSON") from error
