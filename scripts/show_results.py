"""Print what came out of a run: a line for each test slide, the accuracy, and where the report is."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.evaluation.slides_table import read_slides
from slidemill.reporting.results_text import results_text


@click.command(help=__doc__)
@click.option("--slides", type=Path, required=True, help="evaluation/slides.tsv.")
@click.option("--report", type=Path, required=True, help="report.html.")
def main(slides: Path, report: Path) -> None:
    click.echo(results_text(read_slides(slides), report))


if __name__ == "__main__":
    run(main)
