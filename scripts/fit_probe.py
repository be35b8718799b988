"""Fit a linear classifier on the features of tiles."""

from pathlib import Path

import click
from label_options import label_options
from sampling_options import sampling_options

from slidemill.annotations.decide import AnnotatedTiles, DecidedLabels
from slidemill.command import run
from slidemill.probe.fit import fit_probe
from slidemill.probe.parameters import BALANCES, Balance, ProbeInputs, ProbeOutputs, ProbeParameters
from slidemill.sampling import Sampling
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag
from slidemill.training.tracking import tracking_uri


@click.command(help=__doc__)
@click.option("--splits", type=Path, required=True, help="splits.tsv")
@click.option("--tiles", type=Path, required=True, help="Folder with a tile store for each slide.")
@click.option("--features", type=Path, required=True, help="Folder with the features of each slide, by one encoder.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@label_options
@sampling_options
@click.option("--seed", type=int, required=True, help="Of sampling.")
@click.option("--l2", type=float, multiple=True, required=True, help="A strength of the penalty to try; repeated.")
@click.option("--balance", type=click.Choice(BALANCES), required=True, help="What weighs the same.")
@click.option("--max-iterations", type=int, required=True, help="Of the solver, for each strength.")
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads.")
@click.option("--tracking", help="MLflow: auto, the URL of a server, or a folder. Off where it is not given.")
@click.option("--tracking-folder", type=Path, default=Path("mlflow"), help="Written: MLflow's files for auto.")
@click.option("--model", type=Path, required=True, help="Written: model.keras.")
@click.option("--history", type=Path, required=True, help="Written: history.tsv, a row for each strength.")
@click.option("--facts", type=Path, required=True, help="Written: probe.json.")
def main(
    splits: Path,
    tiles: Path,
    features: Path,
    classes: tuple[str, ...],
    exclude: tuple[QualityFlag, ...],
    labels: DecidedLabels | None,
    sampling: Sampling | None,
    seed: int,  # noqa: ARG001 - of sampling
    l2: tuple[float, ...],
    balance: Balance,
    max_iterations: int,
    threads: int,
    tracking: str | None,
    tracking_folder: Path,
    model: Path,
    history: Path,
    facts: Path,
) -> None:
    annotated = AnnotatedTiles(labels, tiles, exclude) if labels else None
    fit_probe(
        ProbeInputs(splits, tiles, features, annotated, sampling),
        ProbeOutputs(model, history, facts),
        ProbeParameters(l2, balance, max_iterations),
        classes=classes,
        exclude=exclude,
        threads=threads,
        tracking=tracking_uri(tracking, tracking_folder),
    )


if __name__ == "__main__":
    run(main)
