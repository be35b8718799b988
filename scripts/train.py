"""Train a tile classifier on the shards of a plan. Started once for each rank, by mpirun or srun."""

from pathlib import Path

import click
from training_options import training_options

from slidemill.classifier.parameters import ClassifierParameters
from slidemill.command import run
from slidemill.training.parameters import RankSetup, TrainingOutputs

_FILE = click.Path(path_type=Path)


def _choice(name: str) -> click.Choice[str]:
    return click.Choice(ClassifierParameters.CHOICES[name])


@click.command()
@training_options(ClassifierParameters)
@click.option("--plan", type=_FILE, required=True, help="Read: shards/plan.json.")
@click.option("--fifo-folder", type=_FILE, help="Read tiles from FIFOs in this folder instead of the plan's files.")
@click.option("--architecture", required=True, help="small_cnn, or a keras.applications model.")
@click.option("--weights", type=_FILE, help="Read: weights to start from, .keras or .weights.h5.")
@click.option("--frozen-epochs", type=int, default=0, help="Epochs in which only the head learns.")
@click.option("--input-size", type=int, required=True, help="Pixels; side of the model's input.")
@click.option("--input-fit", type=_choice("input_fit"), default="resize")
@click.option("--colour-jitter", type=float, default=0.0, help="Strength of the H&E colour jitter.")
@click.option("--batch-size", type=int, required=True, help="Tiles per rank and batch.")
@click.option("--accumulation", type=int, default=1, help="Batches per step.")
@click.option("--learning-rate", type=float, required=True, help="Of one rank.")
def main(
    plan: Path,
    fifo_folder: Path | None,
    parameters: ClassifierParameters,
    outputs: TrainingOutputs,
    setup: RankSetup,
) -> None:
    """Train a tile classifier on the shards of a plan."""
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.classifier.method import train_classifier

    train_classifier(plan, outputs, parameters, setup, fifo_folder=fifo_folder)


if __name__ == "__main__":
    run(main)
