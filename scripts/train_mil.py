"""Train a model of bags of tiles, on their features or their pixels. Started once for each rank, by mpirun or srun."""

from pathlib import Path

import click
from training_options import training_options

from slidemill.command import run
from slidemill.mil.training_parameters import MilParameters
from slidemill.tiling.quality import QUALITY_FLAGS, QualityFlag
from slidemill.training.parameters import RankSetup, TrainingOutputs

_FILE = click.Path(path_type=Path)


def _choice(name: str) -> click.Choice[str]:
    return click.Choice(MilParameters.CHOICES[name])


@click.command()
@training_options(MilParameters)
@click.option("--splits", type=_FILE, required=True, help="Read: splits.tsv.")
@click.option(
    "--tiles", "tile_stores", type=_FILE, required=True, help="Read: folder with a tile store for each slide."
)
@click.option("--features", type=_FILE, help="Read: folder with the features of each slide, for --input features.")
@click.option("--class", "classes", multiple=True, required=True, help="A class; once for each, in order.")
@click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag.")
@click.option("--scratch", type=_FILE, help="Folder of the machine for the features that its ranks share.")
@click.option("--facts", type=_FILE, required=True, help="Written: mil.json.")
@click.option("--input", type=_choice("input"), default="features", help="What the model takes of a tile.")
@click.option("--tiles-of-slide", "tiles", type=int, default=16, help="For --input pixels, those with most tissue.")
@click.option("--input-size", type=int, default=128, help="For --input pixels: side of the model's input, pixels.")
@click.option("--colour-jitter", type=float, default=0.0, help="For --input pixels: strength of the H&E colour jitter.")
@click.option("--bag", type=_choice("bag"), default="slide", help="What has one label.")
@click.option("--pooling", type=_choice("pooling"), default="gated_attention", help="From tiles to a bag.")
@click.option("--hidden", type=int, multiple=True, help="Width of a layer that each tile goes through; repeated.")
@click.option("--attention-width", type=int, default=128, help="Width of the layer inside the attention.")
@click.option("--dropout", type=float, default=0.0, help="Share of values that is left out behind hidden layers.")
@click.option("--ordered", is_flag=True, help="Classes are grades, from the lowest to the highest.")
@click.option("--max-tiles", type=int, help="Of a larger bag so many tiles are drawn in each epoch.")
@click.option("--tile-dropout", type=float, default=0.0, help="Share of tiles that is left out in each epoch.")
@click.option("--balance", type=_choice("balance"), default="none", help="How bags are drawn.")
@click.option("--batch-size", type=int, required=True, help="Bags of a step, of all ranks together.")
@click.option("--learning-rate", type=float, required=True, help="Of a step.")
def main(
    splits: Path,
    tile_stores: Path,
    features: Path | None,
    classes: tuple[str, ...],
    exclude: tuple[QualityFlag, ...],
    scratch: Path | None,
    facts: Path,
    parameters: MilParameters,
    outputs: TrainingOutputs,
    setup: RankSetup,
) -> None:
    """Train a model of bags of tiles."""
    if parameters.input == "features" and features is None:
        raise click.UsageError("--input features needs --features")
    # TensorFlow takes seconds to import: only once the arguments are right.
    from slidemill.mil.method import train_mil
    from slidemill.mil.taken import MilInputs

    inputs = MilInputs(splits, tile_stores, features, classes, exclude, scratch)
    train_mil(inputs, outputs, facts, parameters, setup)


if __name__ == "__main__":
    run(main)
