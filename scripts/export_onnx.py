"""Write a trained model as ONNX, if its scores are those of the model: model.onnx."""

from pathlib import Path

import click
from export_options import check_slides, export_options  # beside this program

from slidemill.command import run
from slidemill.inference.onnx_file import PRECISIONS, OnnxPrecision
from slidemill.onnx_session import PROVIDERS, Provider
from slidemill.tiling.quality import QualityFlag


@click.command(help=__doc__)
@export_options
@click.option(
    "--precision", type=click.Choice(PRECISIONS), default="float32", show_default=True, help="Of the weights."
)
@click.option(
    "--provider", type=click.Choice(PROVIDERS), default="auto", show_default=True, help="What runs the check."
)
@click.option("--output", type=Path, required=True, help="model.onnx to write.")
@click.option("--check", type=Path, required=True, help="JSON to write: how near its scores are to the model's.")
def main(
    model: Path,
    sheet: Path,
    slides: tuple[str, ...],
    tiles: Path,
    features: Path | None,
    exclude: tuple[QualityFlag, ...],
    threads: int,
    precision: OnnxPrecision,
    provider: Provider,
    output: Path,
    check: Path,
) -> None:
    from slidemill.export.write_onnx import export_onnx  # here, because it imports TensorFlow, which takes seconds

    export_onnx(
        model,
        check_slides(sheet=sheet, slides=slides, tiles=tiles, features=features),
        exclude=exclude,
        precision=precision,
        output=output,
        check_json=check,
        threads=threads,
        provider=provider,
    )


if __name__ == "__main__":
    run(main)
