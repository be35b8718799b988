"""Write the slide sheet of CAMELYON16 from the folder into which it was downloaded."""

from pathlib import Path

import click

from slidemill.cohort.camelyon16 import list_camelyon16, write_camelyon16
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--folder", type=Path, required=True, help="With the published files, in whatever folders below it.")
@click.option("--reference", type=Path, help="Truth of the test slides; default: reference.csv in the folder.")
@click.option("--keep", multiple=True, help="Slide that is used although it is a duplicate or mislabelled; repeated.")
@click.option("--sheet", type=Path, required=True, help="Slide sheet to write; what is left out goes beside it.")
def main(folder: Path, reference: Path | None, keep: tuple[str, ...], sheet: Path) -> None:
    found = list_camelyon16(folder, reference=reference, keep=keep)
    write_camelyon16(found, sheet, sheet.with_suffix(".left_out.tsv"))
    for remark in found.remarks:
        click.echo(f"{remark}.")
    for slide_id, reason in found.left_out.items():
        click.echo(f"{slide_id} is left out: {reason}.")
    click.echo(f"{sheet}: {len(found.rows)} slides")


if __name__ == "__main__":
    run(main)
