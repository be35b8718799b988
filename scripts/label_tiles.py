"""Measure how much of each tile of a slide its annotations cover."""

import json
from pathlib import Path

import click

from slidemill.annotations.label import RegionNames, label_slide
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--store", type=Path, required=True, help="Read: the index of the slide's tiles.")
@click.option("--annotation", type=Path, help="Read: the slide's annotations; none: nothing is annotated.")
@click.option("--classes", type=json.loads, required=True, help="JSON: names of the regions of each class.")
@click.option("--without", multiple=True, help="Name of regions that are taken out of all others.")
@click.option("--ignore", multiple=True, help="Name of regions that say nothing of the classes.")
@click.option("--in-part", is_flag=True, help="Not all is annotated: nothing is known of the rest.")
@click.option("--labels", type=Path, required=True, help="Written: the shares of each tile.")
@click.option("--outlines", type=Path, required=True, help="Written: the classes as GeoJSON.")
def main(
    store: Path,
    annotation: Path | None,
    classes: dict[str, list[str]],
    without: tuple[str, ...],
    ignore: tuple[str, ...],
    in_part: bool,
    labels: Path,
    outlines: Path,
) -> None:
    names = RegionNames(classes, without, ignore)
    label_slide(store, annotation, names, exhaustive=not in_part, labels=labels, outlines=outlines)


if __name__ == "__main__":
    run(main)
