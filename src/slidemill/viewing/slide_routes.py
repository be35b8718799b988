"""Addresses of the cohort, of its slides and of their tiles."""

from collections.abc import Callable

from fastapi import FastAPI, Request, Response

from slidemill.cohort.sheet import Slide
from slidemill.viewing.answers import (
    BYTES,
    GEOJSON,
    JPEG,
    JSON,
    PNG,
    as_json,
    asked_again,
    checked_again,
    is_known,
    kept,
    number,
    unchanged,
)
from slidemill.viewing.galleries import galleries
from slidemill.viewing.outlines import outlines_as_geojson
from slidemill.viewing.places import RunPlace
from slidemill.viewing.viewer import Viewer
from slidemill.viewing.workers import Workers

_SLIDE = "/api/slides/{slide}"


def add_slide_routes(app: FastAPI, viewer: Viewer, workers: Workers) -> None:
    """Add them.

    Args:
        app: to which.
        viewer: what is shown.
        workers: that do what takes time.
    """
    answers, tiles, results = viewer.slides, viewer.tiles, viewer.results
    slides = viewer.all_slides

    def slide_of(request: Request) -> Slide:
        return answers.slide(request.path_params["slide"])

    def run_of(request: Request) -> RunPlace:
        return viewer.run(request.query_params.get("run", ""))

    async def unless_known(
        request: Request, kind: str, tag_of_it: Callable[[], str], content_of_it: Callable[[], bytes]
    ) -> Response:
        """An answer that is made only where the browser does not have it."""
        tag = await workers.run(request, tag_of_it)
        if is_known(request, tag):
            return unchanged(tag)
        return asked_again(await workers.run(request, content_of_it), kind, tag)

    @app.get("/api/cohort")
    async def cohort(request: Request) -> Response:
        snapshot = await workers.run(request, viewer.cohort.snapshot)
        if is_known(request, snapshot.tag):
            return unchanged(snapshot.tag)
        return asked_again(snapshot.content, JSON, snapshot.tag)

    @app.get(_SLIDE)
    async def about(request: Request) -> Response:
        found = await workers.run(request, answers.about, slide_of(request))
        return checked_again(request, as_json(found), JSON)

    @app.get(_SLIDE + "/pixels/{level}/{column}/{row}.jpg")
    async def pixels(request: Request) -> Response:
        place = [number(request.path_params[name], name) for name in ("level", "column", "row")]
        content, tag = await workers.run(request, viewer.pixels.tile, slide_of(request), *place)
        return unchanged(tag) if is_known(request, tag) else kept(content, JPEG, tag)

    @app.get(_SLIDE + "/thumbnail.jpg")
    async def thumbnail(request: Request) -> Response:
        slide = slide_of(request)
        return await unless_known(request, JPEG, lambda: answers.thumbnail_tag(slide), lambda: answers.thumbnail(slide))

    @app.get(_SLIDE + "/values")
    async def values(request: Request) -> Response:
        slide, run = slide_of(request), await workers.run(request, run_of, request)
        return await unless_known(
            request, BYTES, lambda: tiles.values_tag(slide, run), lambda: tiles.values(slide, run)
        )

    @app.get(_SLIDE + "/quality")
    async def quality(request: Request) -> Response:
        content = await workers.run(request, answers.quality, slide_of(request))
        return checked_again(request, content, BYTES)

    @app.get(_SLIDE + "/outlines")
    async def outlines(request: Request) -> Response:
        content = await workers.run(request, outlines_as_geojson, slide_of(request), results.places)
        return checked_again(request, content, GEOJSON)

    @app.get(_SLIDE + "/tissue")
    async def tissue(request: Request) -> Response:
        content = await workers.run(request, answers.tissue, slide_of(request))
        return checked_again(request, content, PNG)

    @app.get(_SLIDE + "/tiles/{index}.jpg")
    async def tile_picture(request: Request) -> Response:
        slide, index = slide_of(request), number(request.path_params["index"], "index")
        content = await workers.run(request, lambda: tiles.picture(slide, run_of(request), index))
        return checked_again(request, content, JPEG)

    @app.get(_SLIDE + "/tiles/{index}")
    async def tile(request: Request) -> Response:
        slide, index = slide_of(request), number(request.path_params["index"], "index")
        found = await workers.run(request, lambda: tiles.tile(slide, run_of(request), index))
        return checked_again(request, as_json(found), JSON)

    @app.get("/api/galleries")
    async def tiles_of_classes(request: Request) -> Response:
        found = await workers.run(request, lambda: galleries(run_of(request), slides, results))
        return checked_again(request, as_json(found), JSON)
