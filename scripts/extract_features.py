"""Encode every tile of slides by pretrained encoders; the tiles are read once for all of them."""

import json
from pathlib import Path
from typing import Any, get_args

import click

from slidemill.command import run
from slidemill.features.encoder import Device, EncoderSetup
from slidemill.features.extract import EncoderFolders, extract_features
from slidemill.features.pixels import PixelSource
from slidemill.features.spec import find_encoder
from slidemill.features.store import Precision


@click.command(help=__doc__)
@click.option(
    "--slide", "slides", type=(str, Path), multiple=True, required=True, help="slide_id and file; once for each."
)
@click.option("--tiles", type=Path, required=True, help="Folder of the slides' tile stores.")
@click.option(
    "--encoder",
    "encoders",
    type=(str, Path),
    multiple=True,
    required=True,
    help="Name, and folder to write to, {slide}.zarr.zip; once for each.",
)
@click.option("--entries", type=json.loads, default="{}", help="features.encoders of the config, as JSON.")
@click.option("--kept", type=Path, required=True, help="Folder where a run that ends early keeps what it has finished.")
@click.option("--source", type=click.Choice(get_args(PixelSource)), default="slide", show_default=True)
@click.option("--scratch", help="Folder on a local disk: slides are copied there first.")
@click.option("--device", type=click.Choice(get_args(Device)), default="auto", show_default=True)
@click.option("--precision", type=click.Choice(get_args(Precision)), help="Of the computation; default: the encoder's.")
@click.option("--batch-size", type=click.IntRange(min=1), help="Tiles encoded at once; default: 16, on GPUs 256.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
def main(
    slides: tuple[tuple[str, Path], ...],
    tiles: Path,
    encoders: tuple[tuple[str, Path], ...],
    entries: dict[str, Any],
    kept: Path,
    source: PixelSource,
    scratch: str | None,
    device: Device,
    precision: Precision | None,
    batch_size: int | None,
    threads: int,
) -> None:
    extract_features(
        dict(slides),
        [EncoderFolders(find_encoder(name, entries), folder, kept / name) for name, folder in encoders],
        EncoderSetup(tile_size=0, batch_size=batch_size, threads=threads, device=device, precision=precision),
        tiles_folder=tiles,
        source=source,
        scratch=scratch,
    )


if __name__ == "__main__":
    run(main)
