"""A service from its settings to its end."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import simplejpeg

from slidemill.lifeline import end_when_asked
from slidemill.onnx_session import Provider
from slidemill.serving.load import find_model, load_served_model
from slidemill.serving.options import ServingOptions, options_beside
from slidemill.serving.served_model import ServedModel
from slidemill.training.description import ModelDescription
from slidemill.web.settings import Access

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSettings:
    """What is served, and how.

    Attributes:
        model: model.keras, or a folder that holds it.
        access: where to listen, and to whom.
        options: of the model; None for what lies beside it.
        slides: folder, or s3://BUCKET/FOLDER, of slides that clients may ask for by path; None for none.
        threads: CPU threads.
        provider: what runs a model.onnx.
        until: a file that ends the service, as SIGTERM does, when it appears; None for none.
    """

    model: Path
    access: Access
    options: ServingOptions | None = None
    slides: str | None = None
    threads: int = 1
    provider: Provider = "auto"
    until: Path | None = None


def serve_model(settings: ServiceSettings) -> None:
    """Serve a model until SIGTERM or Ctrl-C, and answer what was taken by then.

    Prints where it listens and how to call it, when it does.

    Raises:
        AddressError: the address is taken.
        ModelFileError: the model is missing or damaged.
        ProviderMissingError: what is to run a model.onnx is not there.
        ConfigError: the options are.
    """
    # Here, because whoever only writes settings needs no web framework.
    from slidemill.serving.application import build_application
    from slidemill.serving.metrics import Metrics
    from slidemill.serving.service import Service
    from slidemill.serving.slide_places import slide_places
    from slidemill.serving.slides import SlideScorer
    from slidemill.web.server import bind, serve, url_of

    access, threads = settings.access, settings.threads
    places = slide_places(settings.slides)
    own = bind(access)
    model_file = find_model(settings.model)
    options = options_beside(model_file) if settings.options is None else settings.options
    model = load_served_model(model_file, options, threads=threads, provider=settings.provider)
    if model.description.method == "mil" and model.description.slide_tiles is None:
        access = replace(access, limits=access.limits.of_bags())
    _warm_up(model)
    metrics = Metrics()
    service = Service(
        model,
        access.limits,
        slides=SlideScorer(model, options, threads),
        places=places,
        threads=threads,
        observe=metrics.count_batch,
    )
    if not access.is_loopback and access.token is None:
        _LOG.warning("every machine that reaches %s may ask, because there is no token", access.host)
    app = build_application(service, access, options.of_slides, metrics)

    def ready() -> None:
        print(how_to_call(model_file, model.description, url_of(own), access), flush=True)
        if settings.until is not None:
            end_when_asked(settings.until)

    serve(app, own, access, ready=ready)


def _warm_up(model: ServedModel) -> None:
    """Score a white tile: engines prepare themselves for the first one, and nobody is to wait for that."""
    side = model.description.tile_size_px
    tile = simplejpeg.encode_jpeg(np.full((side, side, 3), 255, np.uint8))
    model.scored(model.rows(model.pixels(tile)[None]))


def how_to_call(model: Path, description: ModelDescription, url: str, access: Access) -> str:
    """What a user reads when the service listens."""
    token = ' -H "Authorization: Bearer $SLIDEMILL_TOKEN"' if access.token is not None else ""
    side, mpp = description.tile_size_px, description.tile_mpp
    return (
        f"serving {model} at {url} until Ctrl-C; its documentation is {url}/docs\n"
        f"    slidemill-client score slide.svs --endpoint {url}\n"
        f"    curl{token} -H 'Content-Type: image/jpeg' --data-binary @tile.jpg {url}/invocations\n"
        f"    (tile.jpg has {side} x {side} pixels of {mpp:g} microns)"
    )
