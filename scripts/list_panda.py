"""Write the slide sheet of PANDA from the challenge's train.csv and the folder of its slides."""

from pathlib import Path

import click

from slidemill.cohort.panda import PANDA_LABELS, PandaLabel, list_panda, write_panda
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--table", type=Path, required=True, help="train.csv of the challenge.")
@click.option("--images", type=Path, required=True, help="Folder with {image_id}.tiff.")
@click.option("--label", type=click.Choice(PANDA_LABELS), default="isup", help="The ISUP grade, or cancer or benign.")
@click.option("--noisy", type=Path, help="Text with slides to leave out, an image_id at the start of each line.")
@click.option("--keep", multiple=True, help="Slide that is used although its grade contradicts its score; repeated.")
@click.option("--sheet", type=Path, required=True, help="Slide sheet to write; what is left out goes beside it.")
def main(table: Path, images: Path, label: PandaLabel, noisy: Path | None, keep: tuple[str, ...], sheet: Path) -> None:
    found = list_panda(table, images, label=label, noisy=noisy, keep=keep)
    write_panda(found, sheet, sheet.with_suffix(".left_out.tsv"))
    click.echo(f"{sheet}: {len(found.rows)} slides; {len(found.left_out)} of the table are left out")


if __name__ == "__main__":
    run(main)
