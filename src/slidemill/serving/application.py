"""The application: which address does what."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import asdict
from enum import Enum

from fastapi import FastAPI, Request, Response, Security
from fastapi.responses import JSONResponse
from fastapi.security import HTTPBearer
from starlette.types import ASGIApp

import slidemill
from slidemill.evaluation.aggregate import Aggregation
from slidemill.inference.store import Predictions
from slidemill.serving.answers import JSON, chosen_type, encoded
from slidemill.serving.bodies import IMAGES, ModelRequest, SlideRequest, TileRequest, parse_body
from slidemill.serving.documentation import DOCUMENTATION, add_documentation, invocation_answers, invocation_body
from slidemill.serving.endpoint import ServedFacts
from slidemill.serving.metrics import CONTENT_TYPE, Metrics
from slidemill.serving.service import Service
from slidemill.web.admission import Admission
from slidemill.web.body_reader import read_body
from slidemill.web.gate import Gate
from slidemill.web.refusals import RefusedError
from slidemill.web.sentences import add_refusals
from slidemill.web.settings import Access

_TAGS: list[str | Enum] = ["service"]  # the headings of the documentation: one
_SEND_LESS = "send fewer tiles at once, as JPEG and not as numbers"


def build_application(service: Service, access: Access, aggregation: Aggregation, metrics: Metrics) -> ASGIApp:
    """An application that serves a model.

    Args:
        service: scores.
        access: who may ask, and how much.
        aggregation: from the scores of tiles to those of a slide.
        metrics: told of requests.
    """

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.end()

    description = service.model.description
    app = FastAPI(
        title="slidemill",
        version=slidemill.__version__,
        description=(
            f"Scores tiles of {description.tile_size_px} x {description.tile_size_px} pixels, at "
            f"{description.tile_mpp:g} microns per pixel, as {', '.join(description.classes)}."
        ),
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    admission = Admission(access.limits)
    facts = ServedFacts(
        classes=description.classes,
        tile_size=description.tile_size_px,
        mpp=description.tile_mpp,
        method=description.method,
        sha256=service.model.sha256,
        slide_tiles=description.slide_tiles,
    )
    metrics.watch(waiting_tiles=lambda: service.batches.waiting_tiles, requests_in_flight=lambda: admission.requests)
    token = [Security(HTTPBearer(auto_error=False))] if access.token is not None else []

    @app.get("/ping", summary="Whether the service is there", tags=_TAGS)
    async def ping() -> dict[str, str]:
        return {"status": "ok"}

    @app.get("/model", summary="What the model takes, and what it tells apart", tags=_TAGS, dependencies=token)
    async def model() -> dict[str, object]:
        return asdict(facts)

    @app.get(
        "/metrics", summary="What was counted, for Prometheus", tags=_TAGS, response_class=Response, dependencies=token
    )
    async def count() -> Response:
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.post(
        "/invocations",
        summary="Score tiles, or a slide",
        tags=_TAGS,
        response_class=Response,
        responses=invocation_answers(),
        openapi_extra={"requestBody": invocation_body()},
        dependencies=token,
    )
    async def invocations(request: Request) -> Response:
        kind = chosen_type(request.headers.get("accept", ""))
        with admission.request() as reservation:
            try:
                async with asyncio.timeout(access.limits.answer_seconds):
                    body = await read_body(request, reservation, access.limits, advice=_SEND_LESS)
                    asked = await _parsed(service, request.headers.get("content-type", ""), body)
                    if isinstance(asked, ModelRequest):
                        return JSONResponse(asdict(facts))
                    predictions = await service.score(asked)
                    content = await _encoded(service, kind, predictions, asked, aggregation)
            except TimeoutError:
                seconds = access.limits.answer_seconds
                raise RefusedError(504, f"there was no answer after {seconds:g} s; send fewer tiles at once") from None
            return Response(content, media_type=kind)

    add_documentation(app)
    add_refusals(app, failure="the model could not score this; the service's log says why")
    open_paths = frozenset({"/ping", *DOCUMENTATION})
    return Gate(app, access, is_open=open_paths.__contains__, count=metrics.count_request)


async def _parsed(service: Service, content_type: str, body: bytes) -> TileRequest | SlideRequest | ModelRequest:
    if content_type in IMAGES:  # nothing to do for a thread
        return parse_body(content_type, body)
    return await service.in_worker(parse_body, content_type, body)


async def _encoded(
    service: Service,
    kind: str,
    predictions: Predictions,
    asked: TileRequest | SlideRequest,
    aggregation: Aggregation,
) -> bytes:
    if kind == JSON and len(predictions.scores) == 1:
        return encoded(kind, predictions, asked, aggregation)
    return await service.in_worker(encoded, kind, predictions, asked, aggregation)
