"""List the shards that come through each FIFO of a host, for channels in Pipe mode."""

from pathlib import Path

import click

from slidemill.classifier.fifo_lists import write_fifo_lists
from slidemill.command import run


@click.command(help=__doc__)
@click.option("--plan", type=Path, required=True, help="Read: shards/plan.json.")
@click.option("--fifos", type=click.IntRange(min=1), required=True, help="Of each kind on a host: its ranks.")
@click.option("--address", required=True, help="Of the folder of the shards in a storage, such as s3://bucket/shards/.")
@click.option("--output", type=Path, required=True, help="Folder to write to, {kind}_{number}.manifest.")
def main(plan: Path, fifos: int, address: str, output: Path) -> None:
    write_fifo_lists(plan, fifos=fifos, address=address, folder=output)


if __name__ == "__main__":
    run(main)
