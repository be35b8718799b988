"""Score slides by a model that is served elsewhere: slidemill-client score slide.svs --endpoint URL|NAME."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.locations import is_address
from slidemill.serving.client import ClientSettings, score_by_service
from slidemill.serving.endpoint import HttpEndpoint
from slidemill.serving.options import ServingOptions
from slidemill.web.settings import TOKEN_VARIABLE, token_of_environment
from slidemill_sagemaker.asynchronous import AsynchronousEndpoint
from slidemill_sagemaker.client import SageMakerEndpoint, sagemaker_endpoint


@click.group(help=__doc__)
def commands() -> None:
    """Group the commands."""


@commands.command(help="Cut a slide here, have its tiles scored there, write predictions and a heatmap.")
@click.argument("slides", type=Path, nargs=-1, required=True)
@click.option(
    "--endpoint",
    required=True,
    help=f"http://HOST:PORT, with its token in {TOKEN_VARIABLE}; or the name of an endpoint of SageMaker.",
)
@click.option("--output", type=Path, default=Path("scored"), show_default=True, help="Folder to write to.")
@click.option("--options", type=Path, help="How slides are cut and scored: JSON, as serving.json beside a model.")
@click.option("--mpp", type=float, help="Microns per level-0 pixel; counts before what the file states.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def score(
    slides: tuple[Path, ...], endpoint: str, output: Path, options: Path | None, mpp: float | None, threads: int
) -> None:
    """Score slides one after the other."""
    service = _service(endpoint)
    facts = service.facts()
    use = ServingOptions() if options is None else ServingOptions.read(options)
    settings = ClientSettings(use, body_bytes=service.body_bytes, threads=threads, sheet_mpp=mpp)
    for slide in slides:
        found = score_by_service(slide, service.post, facts, output, settings)
        if found.reason:
            print(f"{slide}: {found.reason}")
            continue
        method = found.deciding(use.of_slides.method)
        told = ", ".join(f"{name} {value:.3f}" for name, value in found.scores[method].items())
        picture = output / "heatmaps" / f"{found.slide_id}.png"
        print(f"{slide}: {found.predicted[method]} ({told}; {found.tile_count} tiles); {picture}", flush=True)


def _service(endpoint: str) -> HttpEndpoint | SageMakerEndpoint | AsynchronousEndpoint:
    if is_address(endpoint):
        return HttpEndpoint(endpoint, token=token_of_environment())
    return sagemaker_endpoint(endpoint)


def main() -> None:
    """Run the command, as a console script."""
    run(commands)


if __name__ == "__main__":
    main()
