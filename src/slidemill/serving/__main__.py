"""Serve a model over HTTP: POST /invocations scores tiles and slides, GET /docs is the documentation."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.errors import ConfigError
from slidemill.onnx_session import PROVIDERS, Provider
from slidemill.serving.options import ServingOptions
from slidemill.serving.start import ServiceSettings, serve_model
from slidemill.web.settings import TOKEN_VARIABLE, Access, Limits, checked_token, token_of_environment

_LIMITS = Limits()


@click.command(help=__doc__)
@click.option("--model", type=Path, required=True, help="model.keras, or a folder that holds it.")
@click.option("--options", type=Path, help="How slides are cut and scored; by default serving.json beside the model.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for all.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any free one.")
@click.option("--token-file", type=Path, help=f"Clients have to send what it holds; or set {TOKEN_VARIABLE}.")
@click.option("--slides", help="Folder, or s3://BUCKET/FOLDER, of slides that clients may ask for by path.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--provider", type=click.Choice(PROVIDERS), default="auto", show_default=True, help="Of a model.onnx.")
@click.option(
    "--body-bytes",
    type=click.IntRange(min=1),
    help=f"Of a request. [default: {_LIMITS.body_bytes}; of a whole slide to a model of bags {_LIMITS.bag_bytes}]",
)
@click.option("--requests", type=click.IntRange(min=1), default=_LIMITS.requests, show_default=True, help="At once.")
@click.option("--tiles", type=click.IntRange(min=1), default=_LIMITS.tiles, show_default=True, help="Of a request.")
@click.option("--header-seconds", type=float, default=_LIMITS.header_seconds, show_default=True)
@click.option(
    "--body-seconds",
    type=float,
    help=f"For a body to arrive. [default: {_LIMITS.body_seconds:g}; of a whole slide {_LIMITS.bag_seconds:g}]",
)
@click.option("--answer-seconds", type=float, default=_LIMITS.answer_seconds, show_default=True)
def main(  # noqa: D103 - the module says it
    model: Path,
    options: Path | None,
    host: str,
    port: int,
    token_file: Path | None,
    slides: str | None,
    threads: int,
    provider: Provider,
    body_bytes: int | None,
    requests: int,
    tiles: int,
    header_seconds: float,
    body_seconds: float | None,
    answer_seconds: float,
) -> None:
    limits = Limits(
        body_bytes=body_bytes or _LIMITS.body_bytes,
        bag_bytes=body_bytes or _LIMITS.bag_bytes,
        bytes_in_flight=max(body_bytes or 0, _LIMITS.bytes_in_flight),
        requests=requests,
        tiles=tiles,
        header_seconds=header_seconds,
        body_seconds=body_seconds or _LIMITS.body_seconds,
        bag_seconds=body_seconds or _LIMITS.bag_seconds,
        answer_seconds=answer_seconds,
    )
    serve_model(
        ServiceSettings(
            model=model,
            access=Access(host=host, port=port, token=_token(token_file), limits=limits),
            options=None if options is None else ServingOptions.read(options),
            slides=slides,
            threads=threads,
            provider=provider,
        )
    )


def _token(file: Path | None) -> str | None:
    if file is None:
        return token_of_environment()
    try:
        return checked_token(file.read_text(encoding="ascii").strip())
    except (OSError, ValueError) as error:
        raise ConfigError(f"--token-file: {file} cannot be read ({error}).") from None


if __name__ == "__main__":
    run(main)
