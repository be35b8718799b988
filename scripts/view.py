"""Show a cohort and its results in a browser until Ctrl-C."""

import json
from pathlib import Path
from typing import cast

import click

from slidemill.command import run
from slidemill.slides import ReaderChoice
from slidemill.viewing.start import LIMITS, ViewerSettings, name_of_user, view
from slidemill.web.settings import Access, token_of_environment


@click.command(help=__doc__)
@click.option("--sheet", type=Path, required=True, help="Read: the slide sheet.")
@click.option("--results", type=Path, required=True, help="Read: folder of the run's results.")
@click.option("--shared", type=Path, required=True, help="Read: folder of slides and tiles of all experiments.")
@click.option("--config", required=True, help="Of the run, as JSON.")
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at.")
@click.option("--port", type=click.IntRange(0, 65535), default=8081, show_default=True, help="0 for any free one.")
@click.option("--reader", type=click.Choice(["auto", "direct", "openslide"]), default="auto", show_default=True)
@click.option("--notes-by", default=name_of_user, help="Who notes, where the page does not say.")
@click.option("--until", type=Path, help="It ends when there is such a file.")
@click.option("--threads", type=click.IntRange(min=1), default=2, show_default=True, help="That read slides.")
def main(
    sheet: Path,
    results: Path,
    shared: Path,
    config: str,
    host: str,
    port: int,
    reader: str,
    notes_by: str,
    until: Path | None,
    threads: int,
) -> None:
    view(
        ViewerSettings(
            sheet=sheet,
            results=results,
            shared=shared,
            config=json.loads(config),
            access=Access(host=host, port=port, token=token_of_environment(), limits=LIMITS),
            reader=cast(ReaderChoice, reader),
            notes_by=notes_by,
            until=until,
            threads=threads,
        )
    )


if __name__ == "__main__":
    run(main)
