"""Cut the listed patches of a slide: their index, their classes and, where it is asked for, their pixels."""

from pathlib import Path

import click
from tiling_options import tiling_options

from slidemill.annotations.patch_lists import read_patch_lists
from slidemill.annotations.patches import tile_patches
from slidemill.command import run
from slidemill.tiling.source import SlideSource, TilingParameters


@click.command(help=__doc__)
@tiling_options
@click.option("--patches", type=Path, help="Table with slide_id, x, y and class of the patches of all slides; or:")
@click.option(
    "--patch-list", "lists", type=(str, Path), multiple=True, help="A class, and a list of slide_id, x, y; repeated."
)
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True)
@click.option("--store", type=Path, required=True, help="Zarr zip file to write: the index of the patches.")
@click.option("--labels", type=Path, required=True, help="Zarr zip file to write: their classes.")
@click.argument("records", type=Path, required=False)  # TFRecord file to write; without it no pixel is encoded
def main(
    source: SlideSource,
    parameters: TilingParameters,
    patches: Path | None,
    lists: tuple[tuple[str, Path], ...],
    classes: tuple[str, ...],
    threads: int,
    store: Path,
    labels: Path,
    records: Path | None,
) -> None:
    of_class = {name: [path for own, path in lists if own == name] for name, _ in lists}
    listed = read_patch_lists(patches or of_class, [source.slide_id], classes).slides[source.slide_id]
    tile_patches(source, parameters, listed, classes, store=store, labels=labels, records=records, threads=threads)


if __name__ == "__main__":
    run(main)
