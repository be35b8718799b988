"""Every answer that is no result is a sentence in JSON."""

import json
import logging

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from slidemill.errors import SlidemillError
from slidemill.web.refusals import RefusedError

_LOG = logging.getLogger(__name__)
_CLIENT_HAS_GONE = 499


def refusal_as_json(sentence: str) -> bytes:
    """What a client reads in the place of a result."""
    return json.dumps({"error": sentence}).encode()


def add_refusals(app: FastAPI, *, failure: str) -> None:
    """Have an application answer all errors in sentences.

    Args:
        app: the application.
        failure: what a client reads of an error of slidemill, whose own words are for the log.
    """

    def sentence(status: int, text: str, headers: dict[str, str] | None = None) -> Response:
        return Response(refusal_as_json(text), status, headers=headers, media_type="application/json")

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, error: RefusedError) -> Response:
        retry = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        return sentence(error.status, error.sentence, retry)

    @app.exception_handler(ClientDisconnect)
    async def forget(_: Request, error: ClientDisconnect) -> Response:  # noqa: ARG001
        return sentence(_CLIENT_HAS_GONE, "the client has gone")

    @app.exception_handler(HTTPException)
    async def tell(_: Request, error: HTTPException) -> Response:
        return sentence(error.status_code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(SlidemillError)
    async def fail(_: Request, error: SlidemillError) -> Response:
        _LOG.error("%s", error)
        return sentence(500, failure)

    @app.exception_handler(Exception)
    async def break_down(_: Request, error: Exception) -> Response:  # noqa: ARG001
        return sentence(500, "a mistake in the service; its log says more")
