"""Train a tile classifier on the shards of a plan. Started once for each rank, by mpirun or srun."""

from pathlib import Path
from typing import Any

import click

from slidemill.classifier.parameters import ClassifierParameters
from slidemill.command import run
from slidemill.training.parameters import RankSetup, TrainingOutputs
from slidemill.training.tracking import tracking_uri

_FILE = click.Path(path_type=Path)


def _choice(name: str) -> click.Choice[str]:
    return click.Choice(ClassifierParameters.CHOICES[name])


@click.command()
@click.option(
    "--expect-ranks", type=click.IntRange(min=1), required=True, help="Number of ranks that the launcher was asked for."
)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of each rank.")
@click.option("--plan", type=_FILE, required=True, help="Read: shards/plan.json.")
@click.option("--fifo-folder", type=_FILE, help="Read tiles from FIFOs in this folder instead of the plan's files.")
@click.option("--model", type=_FILE, required=True, help="Written: model.keras.")
@click.option("--history", type=_FILE, required=True, help="Written: history.tsv.")
@click.option("--checkpoint", type=_FILE, required=True, help="Written after each epoch.")
@click.option("--log-folder", type=_FILE, help="Written: a log of each rank.")
@click.option("--tracking", help="MLflow: auto, the URL of a server, or a folder. Off where it is not given.")
@click.option("--tracking-folder", type=_FILE, default=Path("mlflow"), help="Written: MLflow's files for auto.")
@click.option("--architecture", required=True, help="small_cnn, or a keras.applications model.")
@click.option("--weights", type=_FILE, help="Read: weights to start from, .keras or .weights.h5.")
@click.option("--frozen-epochs", type=int, default=0, help="Epochs in which only the head learns.")
@click.option("--input-size", type=int, required=True, help="Pixels; side of the model's input.")
@click.option("--input-fit", type=_choice("input_fit"), default="resize")
@click.option("--colour-jitter", type=float, default=0.0, help="Strength of the H&E colour jitter.")
@click.option("--epochs", type=int, required=True)
@click.option("--batch-size", type=int, required=True, help="Tiles per rank and batch.")
@click.option("--accumulation", type=int, default=1, help="Batches per step.")
@click.option("--optimizer", type=_choice("optimizer"), default="adam")
@click.option("--weight-decay", type=float, default=0.0, help="Share of each weight taken off in a step.")
@click.option("--learning-rate", type=float, required=True, help="Of one rank.")
@click.option("--warm-up-epochs", type=float, default=1.0)
@click.option("--decay", type=_choice("decay"), default="cosine")
@click.option("--decay-epochs", type=float, default=10.0, help="Between two steps of --decay step.")
@click.option("--decay-factor", type=float, default=0.1, help="Of --decay step.")
@click.option("--label-smoothing", type=float, default=0.0)
@click.option("--class-weights", type=_choice("class_weights"), default="none")
@click.option("--clip-norm", type=float, help="Greatest length of the gradient.")
@click.option("--precision", type=_choice("precision"), default="float32")
@click.option("--compression", type=_choice("compression"), default="none", help="Of gradients between ranks.")
@click.option("--patience", type=int, help="Epochs without a better one before training stops.")
@click.option("--checkpoint-steps", type=int, help="Steps between checkpoints inside an epoch.")
@click.option("--stall-seconds", type=int, default=600, help="End a training that does not move for so long.")
@click.option("--seed", type=int, required=True)
def main(
    expect_ranks: int,
    threads: int,
    plan: Path,
    fifo_folder: Path | None,
    model: Path,
    history: Path,
    checkpoint: Path,
    log_folder: Path | None,
    tracking: str | None,
    tracking_folder: Path,
    **chosen: Any,
) -> None:
    """Train a tile classifier on the shards of a plan."""
    parameters = ClassifierParameters(**chosen)
    outputs = TrainingOutputs(model=model, history=history, checkpoint=checkpoint)
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.classifier.method import train_classifier

    setup = RankSetup(expect_ranks, threads, log_folder, tracking_uri(tracking, tracking_folder))
    train_classifier(plan, outputs, parameters, setup, fifo_folder=fifo_folder)


if __name__ == "__main__":
    run(main)
