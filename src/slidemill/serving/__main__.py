"""Serve a model over HTTP: GET /ping, POST /invocations."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.serving.settings import Access


@click.command(help=__doc__)
@click.option("--model", type=Path, required=True, help="model.keras, or a folder that holds it.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any free one.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def main(model: Path, host: str, port: int, threads: int) -> None:  # noqa: D103 - the help is the module's
    from slidemill.serving.application import build_application
    from slidemill.serving.served_model import find_model, load_served_model
    from slidemill.serving.server import bind, serve, url_of
    from slidemill.serving.service import Service

    access = Access(host=host, port=port)
    own = bind(access)
    served = load_served_model(find_model(model), threads=threads)
    service = Service(served, access.limits, threads=threads)
    app = build_application(service, access.limits)
    serve(app, own, access, ready=lambda: print(f"serving {model} at {url_of(own)}", flush=True))


if __name__ == "__main__":
    run(main)
