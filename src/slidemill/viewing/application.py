"""The application: which address does what."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI, Request, Response
from starlette.types import ASGIApp

from slidemill.viewing.headers import SafeHeaders
from slidemill.viewing.note_routes import add_note_routes
from slidemill.viewing.page import Page
from slidemill.viewing.slide_routes import add_slide_routes
from slidemill.viewing.viewer import Viewer
from slidemill.viewing.workers import Workers
from slidemill.web.gate import Gate
from slidemill.web.sentences import add_refusals
from slidemill.web.session import Session
from slidemill.web.settings import Access


def build_application(viewer: Viewer, access: Access, *, reader: str = "", threads: int = 2) -> ASGIApp:
    """An application that shows a cohort.

    Args:
        viewer: what is shown.
        access: who may ask; has a token.
        reader: who notes, where the page does not say.
        threads: that read slides.
    """
    workers = Workers(threads)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield
        workers.close()
        viewer.open_slides.close()

    app = FastAPI(title="slidemill", docs_url=None, redoc_url=None, openapi_url=None, lifespan=lifespan)
    add_slide_routes(app, viewer, workers)
    add_note_routes(app, viewer, workers, access, reader)
    page = Page()

    @app.get("/{name:path}")
    async def show(request: Request) -> Response:
        return page.answer(request, request.path_params["name"])

    add_refusals(app, failure="this cannot be shown; the server's log says why")
    session = None if access.token is None else Session(access.token, f"slidemill-{access.port}")
    return SafeHeaders(Gate(app, access, is_open=_is_of_page, count=lambda *_: None, session=session))


def _is_of_page(path: str) -> bool:
    """The page itself holds nothing of the slides; a link to it from elsewhere comes without the cookie."""
    return not path.startswith("/api")
