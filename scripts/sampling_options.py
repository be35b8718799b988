"""Options that several programs share: which of the train tiles are used."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

import click

from slidemill.sampling import Sampling, read_hard_tiles
from slidemill.tiling.quality import QualityFlag

_Command = Callable[..., None]


def sampling_options(command: _Command) -> _Command:
    """Give a command the options of sampling, which come to it as one argument, `sampling`.

    The command has the options --tiles, --exclude and --seed, and gets them as well.
    """

    @wraps(command)
    def with_sampling(
        *,
        tiles_per_slide: tuple[tuple[str, int], ...],
        hard_negatives: Path | None,
        hard_share: float,
        tiles: Path,
        exclude: tuple[QualityFlag, ...],
        seed: int,
        **others: Any,
    ) -> None:
        hard = read_hard_tiles(hard_negatives, tiles, exclude) if hard_negatives else None
        is_asked = bool(tiles_per_slide) or hard is not None
        sampling = Sampling(dict(tiles_per_slide), hard, hard_share, seed) if is_asked else None
        command(sampling=sampling, tiles=tiles, exclude=exclude, seed=seed, **others)

    for option in reversed(_OPTIONS):
        with_sampling = option(with_sampling)
    return with_sampling


_OPTIONS = (
    click.option(
        "--tiles-per-slide", type=(str, click.IntRange(min=1)), multiple=True, help="A class, and most tiles of it."
    ),
    click.option("--hard-negatives", type=Path, help="Table of slide_id, x, y: train tiles that are drawn first."),
    click.option("--hard-share", type=float, default=0.5, help="Greatest share of what is drawn that they take."),
)
