"""Train a model of bags on the features of tiles. Started once for each rank, by mpirun or srun."""

from pathlib import Path
from typing import Any

import click

from slidemill.command import run
from slidemill.mil.training_parameters import MilParameters
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag
from slidemill.training.parameters import RankSetup, TrainingOutputs
from slidemill.training.tracking import tracking_uri

_FILE = click.Path(path_type=Path)


def _choice(name: str) -> click.Choice[str]:
    return click.Choice(MilParameters.CHOICES[name])


@click.command()
@click.option(
    "--expect-ranks", type=click.IntRange(min=1), required=True, help="Number of ranks that the launcher was asked for."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of each rank.")
@click.option("--splits", type=_FILE, required=True, help="Read: splits.tsv.")
@click.option("--tiles", type=_FILE, required=True, help="Read: folder with a tile store for each slide.")
@click.option("--features", type=_FILE, required=True, help="Read: folder with the features of each slide.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option("--scratch", type=_FILE, help="Folder of the machine for the features that its ranks share.")
@click.option("--model", type=_FILE, required=True, help="Written: model.keras.")
@click.option("--history", type=_FILE, required=True, help="Written: history.tsv.")
@click.option("--facts", type=_FILE, required=True, help="Written: mil.json.")
@click.option("--checkpoint", type=_FILE, required=True, help="Written after each epoch.")
@click.option("--log-folder", type=_FILE, help="Written: a log of each rank.")
@click.option("--tracking", help="MLflow: auto, the URL of a server, or a folder. Off where it is not given.")
@click.option("--tracking-folder", type=_FILE, default=Path("mlflow"), help="Written: MLflow's files for auto.")
@click.option("--bag", type=_choice("bag"), default="slide", help="What has one label.")
@click.option("--pooling", type=_choice("pooling"), default="gated_attention", help="From tiles to a bag.")
@click.option("--hidden", type=int, multiple=True, help="Width of a layer that each tile goes through; repeated.")
@click.option("--attention-width", type=int, default=128, help="Width of the layer inside the attention.")
@click.option("--dropout", type=float, default=0.0, help="Share of values that is left out behind hidden layers.")
@click.option("--ordered", is_flag=True, help="Classes are grades, from the lowest to the highest.")
@click.option("--max-tiles", type=int, help="Of a larger bag so many tiles are drawn in each epoch.")
@click.option("--tile-dropout", type=float, default=0.0, help="Share of tiles that is left out in each epoch.")
@click.option("--balance", type=_choice("balance"), default="none", help="How bags are drawn.")
@click.option("--epochs", type=int, required=True)
@click.option("--batch-size", type=int, required=True, help="Bags of a step, of all ranks together.")
@click.option("--optimizer", type=_choice("optimizer"), default="adam")
@click.option("--weight-decay", type=float, default=0.0, help="Share of each weight taken off in a step.")
@click.option("--learning-rate", type=float, required=True, help="Of a step.")
@click.option("--warm-up-epochs", type=float, default=1.0)
@click.option("--decay", type=_choice("decay"), default="cosine")
@click.option("--decay-epochs", type=float, default=10.0)
@click.option("--decay-factor", type=float, default=0.1)
@click.option("--label-smoothing", type=float, default=0.0)
@click.option("--class-weights", type=_choice("class_weights"), default="none")
@click.option("--clip-norm", type=float, help="Greatest length of the gradient.")
@click.option("--precision", type=_choice("precision"), default="float32", help="Of the computation.")
@click.option("--compression", type=_choice("compression"), default="none", help="Of gradients between ranks.")
@click.option("--patience", type=int, help="Epochs without a better one before training stops.")
@click.option("--checkpoint-steps", type=int, help="Steps between checkpoints inside an epoch.")
@click.option("--stall-seconds", type=int, default=600, help="End a training that does not move for so long.")
@click.option("--seed", type=int, required=True)
def main(
    expect_ranks: int,
    threads: int,
    splits: Path,
    tiles: Path,
    features: Path,
    classes: tuple[str, ...],
    exclude: tuple[QualityFlag, ...],
    scratch: Path | None,
    model: Path,
    history: Path,
    facts: Path,
    checkpoint: Path,
    log_folder: Path | None,
    tracking: str | None,
    tracking_folder: Path,
    **chosen: Any,
) -> None:
    """Train a model of bags on the features of tiles."""
    parameters = MilParameters(**chosen)
    outputs = TrainingOutputs(model=model, history=history, checkpoint=checkpoint)
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.mil.data import MilInputs
    from slidemill.mil.method import train_mil

    inputs = MilInputs(splits, tiles, features, classes, exclude, scratch)
    setup = RankSetup(expect_ranks, threads, log_folder, tracking_uri(tracking, tracking_folder))
    train_mil(inputs, outputs, facts, parameters, setup)


if __name__ == "__main__":
    run(main)
