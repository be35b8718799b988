"""Ask the GDC for the slides of a cohort: slide sheet, manifest, and what was left out, and why."""

import json
from pathlib import Path
from typing import Any

import click

from slidemill.cohort.gdc.address import GDC
from slidemill.cohort.gdc.patience import Patience
from slidemill.cohort.gdc.select import SelectedFiles, select_slides
from slidemill.cohort.gdc.selection import SECTIONS, Selection
from slidemill.cohort.gdc.server import GdcServer
from slidemill.cohort.gdc.token import read_token
from slidemill.command import run


def read_json(context: click.Context, parameter: click.Parameter, value: str) -> Any:
    try:
        return json.loads(value)
    except ValueError as error:
        raise click.BadParameter(str(error), context, parameter) from None


@click.command(help=__doc__)
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--projects", callback=read_json, required=True, help="Class of each project's tumour slides, as JSON.")
@click.option("--section", "sections", type=click.Choice(SECTIONS), multiple=True, required=True)
@click.option("--filters", callback=read_json, default="{}", help="Further fields and their values, as JSON.")
@click.option("--from-manifest", type=Path, help="Take the files of this manifest instead of all that the GDC has.")
@click.option("--server", default=GDC, show_default=True, help="Address of the GDC.")
@click.option("--tries", type=int, default=6, show_default=True, help="In a row, before giving up.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds that the server may be silent.")
@click.option("--token-file", type=Path, help="Your token: files of controlled access are selected too.")
@click.option("--sheet", type=Path, required=True, help="Slide sheet to write.")
@click.option("--manifest", type=Path, required=True, help="GDC manifest to write.")
@click.option("--left-out", type=Path, required=True, help="Table to write: what is not in the sheet, and why.")
def main(
    classes: tuple[str, ...],
    projects: dict[str, str],
    sections: tuple[Any, ...],
    filters: dict[str, list[str]],
    from_manifest: Path | None,
    server: str,
    tries: int,
    timeout: float,
    token_file: Path | None,
    sheet: Path,
    manifest: Path,
    left_out: Path,
) -> None:
    token = read_token(token_file) if token_file else None
    selection = Selection(classes, projects, sections, filters, controlled=token is not None)
    with GdcServer(server, Patience(tries=tries, timeout_s=timeout), token=token) as gdc:
        select_slides(selection, gdc, SelectedFiles(sheet, manifest, left_out), manifest=from_manifest)


if __name__ == "__main__":
    run(main)
