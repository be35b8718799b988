"""A viewer from its settings to its end."""

import getpass
import logging
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from slidemill.lifeline import end_when_asked
from slidemill.slides import ReaderChoice
from slidemill.viewing.places import Places
from slidemill.web.settings import Access, Limits

# What a page sends is a note; what it asks for at once are the tiles of a screen.
LIMITS = Limits(body_bytes=65_536, bytes_in_flight=4_194_304, requests=64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ViewerSettings:
    """What is viewed, and how.

    Attributes:
        sheet: the slide sheet.
        results: folder of the run that the config names.
        shared: folder of what all experiments share.
        config: of the run.
        access: where to listen; without a token one is made up.
        reader: how slides are read.
        notes_by: who notes, where the page does not say.
        until: file at which it ends, or None.
        threads: that read slides.
    """

    sheet: Path
    results: Path
    shared: Path
    config: Mapping[str, Any] = field(repr=False)
    access: Access
    reader: ReaderChoice = "auto"
    notes_by: str = ""
    until: Path | None = None
    threads: int = 2


def view(settings: ViewerSettings) -> None:
    """Show a cohort in browsers until SIGTERM or Ctrl-C. Prints the link, which has the token, when it listens.

    Raises:
        AddressError: the address is taken.
        SheetError: the sheet is missing or damaged.
    """
    # Here, because whoever only writes settings needs no web framework.
    from slidemill.viewing.application import build_application
    from slidemill.viewing.viewer import make_viewer
    from slidemill.web.server import bind, serve, url_of

    # A page asks for a hundred tiles a second: what fails is logged, not each request.
    logging.getLogger("slidemill.requests").setLevel(logging.WARNING)
    token = settings.access.token or secrets.token_urlsafe(24)
    own = bind(settings.access)
    access = replace(settings.access, token=token, port=own.getsockname()[1])
    places = Places(settings.results, settings.shared, settings.config)
    viewer = make_viewer(settings.sheet, places, reader=settings.reader)
    app = build_application(viewer, access, reader=settings.notes_by, threads=max(2, settings.threads))

    def ready() -> None:
        print(how_to_open(settings, url_of(own), token), flush=True)
        if settings.until is not None:
            end_when_asked(settings.until)

    serve(app, own, access, ready=ready)


def how_to_open(settings: ViewerSettings, url: str, token: str) -> str:
    """What a user reads when the server listens."""
    return f"{settings.sheet} and {settings.results} until Ctrl-C at\n    {url}/?token={token}"


def name_of_user() -> str:
    """Who runs this; empty where the machine has no name for the user."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return ""
