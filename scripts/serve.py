"""Serve a trained model over HTTP until Ctrl-C."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.onnx_session import PROVIDERS, Provider
from slidemill.serving.options import ServingOptions
from slidemill.serving.start import ServiceSettings, serve_model
from slidemill.web.settings import Access, token_of_environment


@click.command(help=__doc__)
@click.option("--model", type=Path, required=True, help="Read: model.keras or model.onnx.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8080, show_default=True, help="0 for any free one.")
@click.option("--slides", help="Folder, or s3://BUCKET/FOLDER, of slides that clients may ask for by path.")
@click.option("--use", required=True, help="How slides are cut and scored, as serving.json says it.")
@click.option("--provider", type=click.Choice(PROVIDERS), default="auto", show_default=True, help="Of a model.onnx.")
@click.option("--until", type=Path, help="End when there is such a file.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def main(
    model: Path,
    host: str,
    port: int,
    slides: str | None,
    use: str,
    provider: Provider,
    until: Path | None,
    threads: int,
) -> None:
    serve_model(
        ServiceSettings(
            model=model,
            access=Access(host=host, port=port, token=token_of_environment()),
            options=ServingOptions.parse(use, "--use"),
            slides=slides,
            threads=threads,
            provider=provider,
            until=until,
        )
    )


if __name__ == "__main__":
    run(main)
