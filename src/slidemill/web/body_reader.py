"""The body of a request, read within limits."""

import asyncio

from starlette.requests import ClientDisconnect, Request

from slidemill.web.admission import Reservation
from slidemill.web.refusals import RefusedError
from slidemill.web.settings import Limits

# A client that is still sending when it is refused would see a broken connection and not the sentence.
_DRAINED_BODIES = 4


async def read_body(request: Request, reservation: Reservation, limits: Limits, *, advice: str) -> bytes:
    """Read a request's body.

    Args:
        request: of whom.
        reservation: grows with the body.
        limits: of bytes and seconds.
        advice: what the client of a body that is too long may do.

    Raises:
        RefusedError: it is too long, comes too slowly, is compressed, or there is no room for it.
        ClientDisconnect: the client has gone.
    """
    if request.headers.get("content-encoding", "identity") != "identity":
        raise RefusedError(415, "compressed bodies are not taken; send it without Content-Encoding")
    declared = _declared_bytes(request)
    is_too_long = declared is not None and declared > limits.body_bytes
    if is_too_long and "expect" in request.headers:
        raise _too_long(limits, advice)  # the client waits for a word before it sends
    try:
        async with asyncio.timeout(limits.body_seconds):
            if not is_too_long:
                reservation.grow(declared or 0)
            return await _read(request, reservation, limits, advice)
    except TimeoutError:
        raise RefusedError(408, f"the body was not there after {limits.body_seconds:g} s") from None


async def _read(request: Request, reservation: Reservation, limits: Limits, advice: str) -> bytes:
    parts: list[bytes] = []
    count = 0
    async for part in request.stream():
        count += len(part)
        if count <= limits.body_bytes:
            reservation.grow(count)
            parts.append(part)
        else:
            parts.clear()
            if count > _DRAINED_BODIES * limits.body_bytes:
                break
    if count > limits.body_bytes:
        raise _too_long(limits, advice)
    return b"".join(parts)


def _declared_bytes(request: Request) -> int | None:
    declared = request.headers.get("content-length")
    return int(declared) if declared is not None and declared.isdecimal() else None


def _too_long(limits: Limits, advice: str) -> RefusedError:
    return RefusedError(413, f"the body is longer than {limits.body_bytes} bytes; {advice}")


__all__ = ["ClientDisconnect", "read_body"]
