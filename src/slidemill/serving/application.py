"""The application: which address does what."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response

from slidemill.serving.admission import Admission
from slidemill.serving.answers import as_json, refusal_as_json
from slidemill.serving.bodies import parse_body
from slidemill.serving.body_reader import read_body
from slidemill.serving.refusals import RefusedError
from slidemill.serving.service import Service
from slidemill.serving.settings import Limits


def build_application(service: Service, limits: Limits) -> FastAPI:
    """An application that serves a model."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.end()

    app = FastAPI(title="slidemill", lifespan=lifespan)
    admission = Admission(limits)

    @app.get("/ping")
    async def ping() -> dict[str, str]:
        """Whether the service is there."""
        return {"status": "ok"}

    @app.post("/invocations")
    async def invocations(request: Request) -> Response:
        """Score tiles."""
        with admission.request() as reservation:
            body = await read_body(request, reservation, limits)
            tiles = parse_body(request.headers.get("content-type", ""), body)
            scored = await service.score(tiles.images)
            return Response(as_json(scored, service.model.description), media_type="application/json")

    @app.exception_handler(RefusedError)
    async def refuse(_: Request, error: RefusedError) -> Response:
        headers = {} if error.retry_after is None else {"Retry-After": str(error.retry_after)}
        content = refusal_as_json(error.sentence)
        return Response(content, error.status, headers=headers, media_type="application/json")

    return app
