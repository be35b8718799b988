"""Addresses of notes."""

import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from fastapi import FastAPI, Request, Response
from starlette.datastructures import Headers

from slidemill.viewing.answers import GEOJSON, JSON, as_json, checked_again
from slidemill.viewing.notes import NoteError
from slidemill.viewing.notes_export import notes_as_csv, notes_as_geojson
from slidemill.viewing.viewer import Viewer
from slidemill.viewing.workers import Workers
from slidemill.web.admission import Admission
from slidemill.web.body_reader import read_body
from slidemill.web.refusals import RefusedError
from slidemill.web.settings import Access

_CSV = "text/csv; charset=utf-8"
_FIELDS = {"slide", "place", "mark", "text", "run", "reader"}


def add_note_routes(app: FastAPI, viewer: Viewer, workers: Workers, access: Access, reader: str) -> None:
    """Add them.

    Args:
        app: to which.
        viewer: what is shown.
        workers: that do what takes time.
        access: limits of what is sent.
        reader: who notes, where a note does not say.
    """
    admission = Admission(access.limits)

    @app.get("/api/notes")
    async def notes(request: Request) -> Response:
        found = await workers.run(request, viewer.notes.all)
        return checked_again(request, as_json([note.as_json() for note in found]), JSON)

    @app.post("/api/notes")
    async def add(request: Request) -> Response:
        _refuse_other_pages(request.headers)
        with admission.request() as reservation:
            body = await read_body(request, reservation, access.limits, advice="shorten the text")
        values = _parsed(body)
        viewer.slides.slide(str(values.get("slide")))
        try:
            note = await workers.run(request, viewer.notes.add, {"reader": reader, **values})
        except NoteError as error:
            raise RefusedError(422, str(error)) from None
        return Response(as_json(note.as_json()), 201, media_type=JSON)

    @app.get("/api/notes.csv")
    async def table(request: Request) -> Response:
        found = await workers.run(request, viewer.notes.all)
        return _as_file(notes_as_csv(found), _CSV, "notes.csv")

    @app.get("/api/notes.geojson")
    async def geojson(request: Request) -> Response:
        found = await workers.run(request, viewer.notes.all)
        asked = request.query_params.get("slide")
        own = [note for note in found if asked is None or note.slide == asked]
        content = await workers.run(request, notes_as_geojson, own, viewer.bounds_of)
        return _as_file(content, GEOJSON, "notes.geojson")


def _as_file(content: bytes, kind: str, name: str) -> Response:
    return Response(content, media_type=kind, headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _refuse_other_pages(headers: Headers) -> None:
    """A page of another site could make a browser send a note."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host"):
        raise RefusedError(403, "notes are taken from the viewer's own page")
    if headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
        raise RefusedError(403, "notes are taken from the viewer's own page")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != JSON:
        raise RefusedError(415, f"send the note as {JSON}")


def _parsed(body: bytes) -> Mapping[str, Any]:
    try:
        values = json.loads(body)
    except (ValueError, RecursionError):
        raise RefusedError(400, "the body is no JSON") from None
    if not isinstance(values, dict):
        raise RefusedError(422, "expected an object")
    if unknown := sorted(set(values) - _FIELDS):
        raise RefusedError(422, f"a note has no {unknown[0]!r:.40}")
    return values
