"""Options that several programs share: which class a tile has by its annotations."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from slidemill.annotations.decide import DecidedLabels, LabelRule

_Command = Callable[..., None]


def label_options(command: _Command) -> _Command:
    """Give a command the options of labels, which come to it as one argument, `labels`.

    It is None without --labels. The command has the option --class, and gets its `classes` as well.
    """

    @wraps(command)
    def with_labels(
        *,
        labels: Path | None,
        at_least: float,
        rest: str | None,
        rest_at_most: float,
        classes: tuple[str, ...],
        **others: Any,
    ) -> None:
        rule = LabelRule(at_least, rest, rest_at_most)
        decided = DecidedLabels(labels, classes, rule) if labels else None
        command(labels=decided, classes=classes, **others)

    for option in reversed(_OPTIONS):
        with_labels = option(with_labels)
    return with_labels


_OPTIONS = (
    click.option(
        "--labels", type=Path, help="Folder with labels of tiles from annotations; none: tiles are as their slide."
    ),
    click.option("--at-least", type=float, default=0.5, help="Share of a tile that a class of --labels has to cover."),
    click.option("--rest", help="Class of the tiles that no annotated region touches."),
    click.option("--rest-at-most", type=float, default=0.0, help="Share that regions may cover of such a tile."),
)
