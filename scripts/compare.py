"""Compare two runs on the slides that both have tested: comparison.html, comparison.json and comparison.tsv."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.reporting.comparison_page import compare_runs


@click.command(help=__doc__)
@click.option("--a", type=Path, required=True, help="Results folder of a run.")
@click.option("--b", type=Path, required=True, help="Results folder of the run that is compared with it.")
@click.option("--output", type=Path, required=True, help="Folder to write to.")
def main(a: Path, b: Path, output: Path) -> None:
    for warning in compare_runs(a, b, output):
        click.echo(f"Warning: {warning}.", err=True)


if __name__ == "__main__":
    run(main)
