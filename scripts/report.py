"""Write the report of a run as one self-contained HTML file."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.reporting.report import write_report
from slidemill.reporting.sources import FoldFiles, RunFiles


@click.command(help=__doc__)
@click.option("--splits", type=Path, multiple=True, required=True, help="splits.tsv; once for each fold.")
@click.option("--tiles", type=Path, required=True, help="Folder of the tile stores of all slides.")
@click.option(
    "--plan", type=Path, multiple=True, required=True, help="shards/plan.json or model/probe.json; once for each fold."
)
@click.option("--history", type=Path, multiple=True, required=True, help="model/history.tsv; once for each fold.")
@click.option("--metrics", type=Path, required=True, help="evaluation/metrics.json.")
@click.option("--slides", type=Path, required=True, help="evaluation/slides.tsv.")
@click.option("--top-tiles", type=Path, required=True, help="evaluation/top_tiles.tsv.")
@click.option("--froc", type=Path, help="evaluation/froc.json, where lesions were looked for.")
@click.option("--tile-labels", type=Path, help="tile_labels.tsv, where tiles are labelled by annotations.")
@click.option("--previews", type=Path, required=True, help="Folder of the test slides' small heatmaps.")
@click.option("--typical-tiles", type=Path, required=True, help="Folder of the test slides' tile sheets.")
@click.option(
    "--benchmarks", type=Path, multiple=True, help="Benchmark file of a rule, or folder of those of its jobs."
)
@click.option("--config", type=Path, required=True, help="The run's config as JSON.")
@click.option("--output", type=Path, required=True, help="report.html to write.")
def main(
    splits: tuple[Path, ...],
    tiles: Path,
    plan: tuple[Path, ...],
    history: tuple[Path, ...],
    metrics: Path,
    slides: Path,
    top_tiles: Path,
    froc: Path | None,
    tile_labels: Path | None,
    previews: Path,
    typical_tiles: Path,
    benchmarks: tuple[Path, ...],
    config: Path,
    output: Path,
) -> None:
    write_report(
        RunFiles(
            folds=[FoldFiles(*files) for files in zip(splits, plan, history, strict=True)],
            tiles=tiles,
            metrics=metrics,
            slides=slides,
            top_tiles=top_tiles,
            froc=froc,
            tile_labels=tile_labels,
            previews=previews,
            typical_tiles=typical_tiles,
            benchmarks=benchmarks,
            config=config,
        ),
        output,
    )


if __name__ == "__main__":
    run(main)
