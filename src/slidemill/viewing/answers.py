"""Forms of answers: JSON, pictures and bytes, which a browser keeps or asks for again."""

import hashlib
import json
import re
from typing import Any

from fastapi import Request, Response

from slidemill.web.refusals import RefusedError

JSON, JPEG, PNG, BYTES, GEOJSON = (
    "application/json",
    "image/jpeg",
    "image/png",
    "application/octet-stream",
    "application/geo+json",
)
_KEPT = "private, max-age=604800, immutable"
_ASKED_AGAIN = "private, no-cache"
_TAG_LETTERS = 32
_NUMBER = re.compile(r"[0-9]{1,9}")


def number(text: str, name: str) -> int:
    """A number of a path.

    Raises:
        RefusedError: it is none.
    """
    if not _NUMBER.fullmatch(text):
        raise RefusedError(404, f"{name}: expected a whole number from 0")
    return int(text)


def tag_of(*parts: object) -> str:
    """A tag for what follows from the parts."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:_TAG_LETTERS]


def is_known(request: Request, tag: str) -> bool:
    """Whether the browser has this already."""
    return f'"{tag}"' in request.headers.get("if-none-match", "")


def kept(content: bytes, kind: str, tag: str) -> Response:
    """An answer that never changes: its address, or the file behind it, would be another one."""
    return Response(content, media_type=kind, headers={"ETag": f'"{tag}"', "Cache-Control": _KEPT})


def asked_again(content: bytes, kind: str, tag: str) -> Response:
    """An answer that a browser keeps, and asks whether it still holds."""
    return Response(content, media_type=kind, headers={"ETag": f'"{tag}"', "Cache-Control": _ASKED_AGAIN})


def unchanged(tag: str) -> Response:
    """For a browser that has it already."""
    return Response(status_code=304, headers={"ETag": f'"{tag}"', "Cache-Control": _ASKED_AGAIN})


def checked_again(request: Request, content: bytes, kind: str) -> Response:
    """An answer whose tag is that of its content."""
    tag = hashlib.sha256(content).hexdigest()[:_TAG_LETTERS]
    return unchanged(tag) if is_known(request, tag) else asked_again(content, kind, tag)


def as_json(content: Any) -> bytes:
    """JSON, without numbers that JSON does not have."""
    return json.dumps(content, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode("utf-8", "replace")
