"""Train a tile classifier on the shards of a plan. Started once for each rank, by mpirun or srun."""

from pathlib import Path

import click

from slidemill.command import run
from slidemill.training.parameters import TrainingOutputs, TrainingParameters


@click.command()
@click.option(
    "--expect-ranks", type=click.IntRange(min=1), required=True, help="Number of ranks that the launcher was asked for."
)
@click.option("--plan", type=click.Path(path_type=Path), required=True, help="Read: shards/plan.json.")
@click.option("--model", type=click.Path(path_type=Path), required=True, help="Written: model.keras.")
@click.option("--history", type=click.Path(path_type=Path), required=True, help="Written: history.tsv.")
@click.option("--checkpoint", type=click.Path(path_type=Path), required=True, help="Written after each epoch.")
@click.option("--architecture", required=True, help="small_cnn, or a keras.applications model.")
@click.option("--input-size", type=int, required=True, help="Pixels; side to which tiles are resized.")
@click.option("--epochs", type=int, required=True)
@click.option("--batch-size", type=int, required=True, help="Tiles per rank and step.")
@click.option("--learning-rate", type=float, required=True, help="Of one rank.")
@click.option("--seed", type=int, required=True)
@click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of each rank.")
def main(
    expect_ranks: int,
    plan: Path,
    model: Path,
    history: Path,
    checkpoint: Path,
    architecture: str,
    input_size: int,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    seed: int,
    threads: int,
) -> None:
    """Train a tile classifier on the shards of a plan, one shard per rank."""
    parameters = TrainingParameters(architecture, input_size, epochs, batch_size, learning_rate, seed)
    outputs = TrainingOutputs(model=model, history=history, checkpoint=checkpoint)
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.training.session import train

    train(plan, outputs, parameters, expect_ranks=expect_ranks, threads=threads)


if __name__ == "__main__":
    run(main)
