"""Compare where a class scores high with its annotated lesions: FROC."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.evaluation.localise import LocalisedSlide, Search, localise


@click.command(help=__doc__)
@click.option(
    "--slide", "slides", type=(str, Path, Path), multiple=True, required=True, help="Id, predictions' folder, outlines."
)
@click.option("--in-part", multiple=True, help="Id of a slide of which not all is annotated.")
@click.option("--tiles", type=Path, required=True, help="Folder of the tile stores.")
@click.option("--class", "name", required=True, help="The class whose regions are lesions.")
@click.option("--radius-um", type=float, required=True, help="Detections nearer than this are one.")
@click.option("--least", type=float, required=True, help="Lowest score of a detection.")
@click.option(
    "--target", "targets", type=float, multiple=True, required=True, help="False positives a slide; repeated."
)
@click.option("--seed", type=int, required=True, help="Of the interval.")
@click.option("--metrics", type=Path, required=True, help="Written: froc.json.")
@click.option("--detections", type=Path, required=True, help="Written: detections.tsv.")
def main(
    slides: tuple[tuple[str, Path, Path], ...],
    in_part: tuple[str, ...],
    tiles: Path,
    name: str,
    radius_um: float,
    least: float,
    targets: tuple[float, ...],
    seed: int,
    metrics: Path,
    detections: Path,
) -> None:
    localise(
        [LocalisedSlide(*slide, is_in_part=slide[0] in in_part) for slide in slides],
        tiles,
        Search(name, radius_um, least, tuple(sorted(targets))),
        seed=seed,
        metrics=metrics,
        detections=detections,
    )


if __name__ == "__main__":
    run(main)
