"""Options that programs share which train: how, on which ranks, and where the results go."""

from collections.abc import Callable
from dataclasses import fields
from functools import wraps
from pathlib import Path
from typing import Any

import click

from slidemill.training.parameters import RankSetup, TrainingOutputs, TrainingParameters
from slidemill.training.tracking import tracking_uri

_Command = Callable[..., None]
_FILE = click.Path(path_type=Path)


def training_options(parameters: type[TrainingParameters]) -> Callable[[_Command], _Command]:
    """Give a command the options of any training.

    They come to it as `parameters`, of the given type, together with the options of its own that are of these;
    `outputs`, the files to write; and `setup`, how the rank runs.
    """
    names = {field.name for field in fields(parameters)}

    def give(command: _Command) -> _Command:
        @wraps(command)
        def with_training(
            *,
            expect_ranks: int,
            threads: int,
            model: Path,
            history: Path,
            checkpoint: Path,
            log_folder: Path | None,
            tracking: str | None,
            tracking_folder: Path,
            **others: Any,
        ) -> None:
            chosen = {name: others.pop(name) for name in list(others) if name in names}
            command(
                parameters=parameters(**chosen),
                outputs=TrainingOutputs(model=model, history=history, checkpoint=checkpoint),
                setup=RankSetup(expect_ranks, threads, log_folder, tracking_uri(tracking, tracking_folder)),
                **others,
            )

        for option in reversed(_OPTIONS):
            with_training = option(with_training)
        return with_training

    return give


def _choice(name: str) -> click.Choice[str]:
    return click.Choice(TrainingParameters.CHOICES[name])


_OPTIONS = (
    click.option(
        "--expect-ranks",
        type=click.IntRange(min=1),
        required=True,
        help="Number of ranks that the launcher was asked for.",
    ),
    click.option(
        "--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads of each rank."
    ),
    click.option("--model", type=_FILE, required=True, help="Written: model.keras."),
    click.option("--history", type=_FILE, required=True, help="Written: history.tsv."),
    click.option("--checkpoint", type=_FILE, required=True, help="Written after each epoch."),
    click.option("--log-folder", type=_FILE, help="Written: a log of each rank."),
    click.option("--tracking", help="MLflow: auto, the URL of a server, or a folder. Off where it is not given."),
    click.option("--tracking-folder", type=_FILE, default=Path("mlflow"), help="Written: MLflow's files for auto."),
    click.option("--epochs", type=int, required=True),
    click.option("--optimizer", type=_choice("optimizer"), default="adam"),
    click.option("--weight-decay", type=float, default=0.0, help="Share of each weight taken off in a step."),
    click.option("--warm-up-epochs", type=float, default=1.0),
    click.option("--decay", type=_choice("decay"), default="cosine"),
    click.option("--decay-epochs", type=float, default=10.0, help="Between two steps of --decay step."),
    click.option("--decay-factor", type=float, default=0.1, help="Of --decay step."),
    click.option("--label-smoothing", type=float, default=0.0),
    click.option("--class-weights", type=_choice("class_weights"), default="none"),
    click.option("--clip-norm", type=float, help="Greatest length of the gradient."),
    click.option("--precision", type=_choice("precision"), default="float32", help="Of the computation."),
    click.option("--compression", type=_choice("compression"), default="none", help="Of gradients between ranks."),
    click.option("--patience", type=int, help="Epochs without a better one before training stops."),
    click.option("--checkpoint-steps", type=int, help="Steps between checkpoints inside an epoch."),
    click.option("--stall-seconds", type=int, default=600, help="End a training that does not move for so long."),
    click.option("--seed", type=int, required=True),
)
