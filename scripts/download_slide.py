"""Download a slide from the GDC, verify it, and set it aside with a reason when it cannot be had."""

from pathlib import Path
from typing import cast

import click

from slidemill.cohort.gdc.address import GDC
from slidemill.cohort.gdc.download import Client, DownloadOptions, OnFailure, download_slide
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.patience import Patience
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--file-id", required=True, help="UUID of the file at the GDC.")
@click.option("--filename", required=True, help="Its name there.")
@click.option("--md5", required=True, help="What its MD5 has to be.")
@click.option("--size", type=int, required=True, help="What its size has to be, in bytes.")
@click.option("--client", type=click.Choice(["auto", "gdc-client", "https"]), default="auto", show_default=True)
@click.option("--server", default=GDC, show_default=True, help="Address of the GDC.")
@click.option("--connections", type=int, default=4, show_default=True, help="Used at once.")
@click.option("--tries", type=int, default=6, show_default=True, help="In a row without progress, before giving up.")
@click.option("--timeout", type=float, default=60.0, show_default=True, help="Seconds that the server may be silent.")
@click.option("--token-file", type=Path, help="Your token, for controlled access.")
@click.option("--on-failure", type=click.Choice(["set_aside", "stop"]), default="set_aside", show_default=True)
@click.option("--folder", type=Path, required=True, help="For what is on the way; of this slide alone.")
@click.option("--output", type=Path, required=True, help="The slide to write.")
def main(
    file_id: str,
    filename: str,
    md5: str,
    size: int,
    client: str,
    server: str,
    connections: int,
    tries: int,
    timeout: float,
    token_file: Path | None,
    on_failure: str,
    folder: Path,
    output: Path,
) -> None:
    options = DownloadOptions(
        client=cast(Client, client),
        server=server,
        connections=connections,
        patience=Patience(tries=tries, timeout_s=timeout),
        token_file=token_file,
        on_failure=cast(OnFailure, on_failure),
    )
    download_slide(GdcFile(file_id, filename, md5, size), output, folder, options)


if __name__ == "__main__":
    run(main)
