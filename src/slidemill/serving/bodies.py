"""What the bodies of requests say: the tiles in them, whatever form they have, or a slide."""

import base64
import binascii
import io
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from google.protobuf.message import DecodeError
from python_multipart.exceptions import MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from slidemill.records import DamagedRecordError, parse_example, records_in
from slidemill.web.refusals import RefusedError

IMAGES = ("image/jpeg", "image/png")
RECORDS = "application/x-tfrecord"
JSON = "application/json"
MULTIPART = "multipart/form-data"
BODY_TYPES = (*IMAGES, RECORDS, MULTIPART, JSON)

MODEL_QUESTION = b'{"ask": "model"}'  # for hosts that hand on nothing but /invocations

Form = Literal["image", "tiles", "instances"]


@dataclass(frozen=True, slots=True)
class TileRequest:
    """Tiles to score.

    Attributes:
        images: JPEG or PNG, each; at least one.
        form: "image" for one alone, "instances" where the answer has the form of TensorFlow Serving.
        coordinates: level-0 pixels, x and y of each, where they are told; else None.
        mpp: microns per pixel of each, where they are told.
        slide_ids: the slides that they are of, as far as they are told.
    """

    images: tuple[bytes, ...]
    form: Form
    coordinates: tuple[tuple[int, int], ...] | None = None
    mpp: tuple[float, ...] = ()
    slide_ids: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class SlideRequest:
    """A slide to score.

    Attributes:
        slide: its place, as the client knows it.
        mpp: microns per level-0 pixel, which counts before what the file states; None for what it states.
    """

    slide: str
    mpp: float | None = None


@dataclass(frozen=True, slots=True)
class ModelRequest:
    """What the model takes, and what it tells apart."""


def parse_body(content_type: str, body: bytes) -> TileRequest | SlideRequest | ModelRequest:
    """Find out what a body asks for.

    Args:
        content_type: as its header says.
        body: all of it.

    Raises:
        RefusedError: it is none of the forms that are taken, or is damaged.
    """
    kind = content_type.partition(";")[0].strip().lower()
    if kind in IMAGES and not body:
        raise RefusedError(400, "the body is empty; was there such a file?")
    if kind in IMAGES:
        return TileRequest((body,), "image")
    if kind == RECORDS:
        return _records(body)
    if kind == MULTIPART:
        return _parts(content_type, body)
    if kind == JSON or kind.endswith("+json"):
        return _json(body)
    told = f"of Content-Type {kind[:60]!r}" if kind else "without a Content-Type"
    raise RefusedError(415, f"bodies {told} are not taken; send {', '.join(BODY_TYPES)}")


def _records(body: bytes) -> TileRequest:
    images, coordinates, mpp, slides = [], [], [], []
    try:
        for record in records_in(io.BytesIO(body), Path("body")):
            example = parse_example(record)
            images.append(_typed(example["image/encoded"], bytes))
            if "tile/x" in example and "tile/y" in example:
                coordinates.append((_typed(example["tile/x"], int), _typed(example["tile/y"], int)))
            if "tile/mpp" in example:
                mpp.append(_typed(example["tile/mpp"], float))
            if "slide/id" in example:
                slides.append(_typed(example["slide/id"], bytes).decode())
    except (DamagedRecordError, DecodeError):
        raise RefusedError(400, f"record {len(images)} of the body is damaged") from None
    except (KeyError, TypeError, IndexError, AttributeError, ValueError):
        raise RefusedError(
            400, f"record {len(images)} is no tile: expected a tf.train.Example with image/encoded"
        ) from None
    places = tuple(coordinates) if len(coordinates) == len(images) else None
    return _tiles(images, "tiles", coordinates=places, mpp=tuple(mpp), slide_ids=tuple(dict.fromkeys(slides)))


def _typed(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(value)
    return value


def _parts(content_type: str, body: bytes) -> TileRequest:
    _, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if not boundary:
        raise RefusedError(400, "the Content-Type of a multipart body has to tell its boundary")
    spans: list[list[bytes]] = []
    is_whole = []
    try:
        parser = MultipartParser(
            boundary,
            {
                "on_part_begin": lambda: spans.append([]),
                "on_part_data": lambda data, start, end: spans[-1].append(data[start:end]),
                "on_end": lambda: is_whole.append(True),
            },
        )
        parser.write(body)
        parser.finalize()
    except MultipartParseError:
        raise RefusedError(400, "the multipart body is damaged") from None
    if not is_whole:
        raise RefusedError(400, "the multipart body ends before its last boundary")
    return _tiles([b"".join(parts) for parts in spans], "tiles")


def _json(body: bytes) -> TileRequest | SlideRequest | ModelRequest:
    try:
        content = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is no JSON") from None
    if content == json.loads(MODEL_QUESTION):
        return ModelRequest()
    if not isinstance(content, dict) or not {"tiles", "instances", "slide"} & set(content):
        raise RefusedError(
            400, 'expected {"tiles": [base64, ...]}, {"instances": [{"b64": base64}, ...]} or {"slide": path}'
        )
    mpp = _resolution(content.get("mpp"))
    if "slide" in content:
        if not isinstance(content["slide"], str):
            raise RefusedError(400, "slide: expected a path")
        return SlideRequest(content["slide"], mpp)
    form: Form = "instances" if "instances" in content else "tiles"
    listed = content[form]
    if not isinstance(listed, list):
        raise RefusedError(400, f"{form}: expected a list")
    images = [_from_base64(number, entry, form) for number, entry in enumerate(listed)]
    return _tiles(images, form, mpp=() if mpp is None else (mpp,))


def _resolution(value: object) -> float | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < math.inf:
        raise RefusedError(400, "mpp: expected microns per pixel, a number above 0")
    return float(value)


def _from_base64(number: int, entry: object, form: str) -> bytes:
    if isinstance(entry, dict) and set(entry) == {"b64"}:
        entry = entry["b64"]
    if not isinstance(entry, str):
        raise RefusedError(
            400, f'{form}[{number}]: expected {{"b64": ...}}, a JPEG or PNG image in base64; numbers are not taken'
        )
    try:
        return base64.b64decode(entry, validate=True)
    except (binascii.Error, ValueError):
        raise RefusedError(400, f"{form}[{number}]: is no base64") from None


def _tiles(images: list[bytes], form: Form, **told: Any) -> TileRequest:
    if not images:
        raise RefusedError(400, "the body has no tiles")
    return TileRequest(tuple(images), form, **told)
