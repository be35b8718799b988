"""The page at /docs, whose scripts come with the service and not from another site; and what it says of bodies."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse
from starlette.staticfiles import StaticFiles

from slidemill.serving.answers import JSON, NPY, ZARR
from slidemill.serving.bodies import IMAGES, MULTIPART, RECORDS

_STATIC = "/docs/static"
DOCUMENTATION = ("/docs", "/openapi.json", f"{_STATIC}/swagger-ui-bundle.js", f"{_STATIC}/swagger-ui.css")

_BINARY = {"schema": {"type": "string", "format": "binary"}}
_BASE64 = {"type": "string", "contentEncoding": "base64", "description": "A JPEG or PNG image in base64."}
_MPP = {"type": "number", "exclusiveMinimum": 0, "description": "Microns per pixel; checked where it is told."}
_ROW = {"type": "array", "items": {"type": "number"}}
_SENTENCE = {
    "type": "object",
    "required": ["error"],
    "properties": {"error": {"type": "string", "description": "What is wrong, and what to do."}},
}
_REFUSALS = {
    400: "The body is damaged, or says nothing that is known.",
    401: "A token is needed.",
    403: "No slides are scored by their place here.",
    404: "There is no such slide.",
    406: "There is no such form of answer.",
    408: "The body came too slowly.",
    413: "The body is too long, or has too many tiles.",
    415: "Bodies of this type are not taken.",
    421: "The service has another name.",
    422: "A tile does not fit the model: its size, its resolution, or it is no image.",
    503: "The service is full: come again after the seconds of Retry-After.",
    504: "The answer took too long.",
}


def add_documentation(app: FastAPI) -> None:
    """Serve the page."""

    @app.get("/docs", include_in_schema=False)
    async def page() -> HTMLResponse:
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=app.title,
            swagger_js_url=f"{_STATIC}/swagger-ui-bundle.js",
            swagger_css_url=f"{_STATIC}/swagger-ui.css",
            swagger_favicon_url="data:,",
            swagger_ui_parameters={"tryItOutEnabled": True},
        )

    app.mount(_STATIC, StaticFiles(directory=Path(str(files("fastapi_offline"))) / "static"))


def invocation_body() -> dict[str, Any]:
    """What a body of /invocations may be, in the words of OpenAPI."""
    instance = {"type": "object", "required": ["b64"], "properties": {"b64": _BASE64}, "additionalProperties": False}
    tiles = {"type": "array", "minItems": 1, "items": _BASE64}
    forms = [
        {"type": "object", "required": ["tiles"], "properties": {"tiles": tiles, "mpp": _MPP}},
        {
            "type": "object",
            "required": ["instances"],
            "properties": {"instances": {"type": "array", "minItems": 1, "items": instance}, "mpp": _MPP},
        },
        {
            "type": "object",
            "required": ["slide"],
            "properties": {"slide": {"type": "string", "description": "Path below the folder of slides."}, "mpp": _MPP},
        },
        {
            "type": "object",
            "required": ["ask"],
            "properties": {"ask": {"const": "model"}},
            "description": "What GET /model answers, where a host hands on nothing but /invocations.",
        },
    ]
    parts = {
        "type": "object",
        "properties": {"tile": {"type": "array", "items": {"type": "string", "format": "binary"}}},
    }
    content: dict[str, Any] = dict.fromkeys([*IMAGES, RECORDS], _BINARY)
    return {"required": True, "content": content | {MULTIPART: {"schema": parts}, JSON: {"schema": {"anyOf": forms}}}}


def invocation_answers() -> dict[int | str, dict[str, Any]]:
    """What /invocations answers."""
    answer = {
        "type": "object",
        "properties": {
            "classes": {"type": "array", "items": {"type": "string"}},
            "scores": {"type": "array", "items": _ROW, "description": "A row for each tile, a column for each class."},
            "slide_scores": _ROW | {"description": "What all tiles together say: a number for each class."},
            "slide_prediction": {"type": "string"},
            "aggregation": {"type": "string", "description": "How slide_scores follow from scores."},
            "attention": _ROW | {"description": "A number for each tile; they add up to 1."},
            "coordinates": {"type": "array", "items": {"type": "array", "items": {"type": "integer"}}},
            "predictions": {"type": "array", "items": _ROW, "description": "The scores, where instances were sent."},
            "slide_id": {"type": "string"},
            "tile_extent": {"type": "integer", "description": "Side of a tile, level-0 pixels."},
            "reason": {"type": "string", "description": "Why a slide has no scores."},
            **{key: {"type": "number", "description": "What the model takes."} for key in ("tile_size", "mpp")},
            "slide_tiles": {
                "type": ["integer", "null"],
                "description": "Of a slide the model looks at so many tiles, those with most tissue; null: at all.",
            },
            **{key: {"type": "string", "description": "Of the model."} for key in ("method", "sha256")},
        },
    }
    content = {JSON: {"schema": answer}, NPY: _BINARY, ZARR: _BINARY}
    refusals: dict[int | str, dict[str, Any]] = {
        status: {"description": text, "content": {JSON: {"schema": _SENTENCE}}} for status, text in _REFUSALS.items()
    }
    answers: dict[int | str, dict[str, Any]] = {200: {"description": "What the model says.", "content": content}}
    return answers | refusals
