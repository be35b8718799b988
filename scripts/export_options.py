"""The options that programs share which export a model."""

from collections.abc import Callable
from pathlib import Path

import click

from slidemill.cohort import read_sheet
from slidemill.export.check_slides import CheckSlide
from slidemill.features.store import features_path
from slidemill.tiling.quality import QUALITY_FLAGS
from slidemill.tiling.store import store_paths

_OPTIONS = (
    click.option("--model", type=Path, required=True, help="Read: model.keras."),
    click.option("--sheet", type=Path, required=True, help="Slide sheet, with the labels of the slides."),
    click.option("--slide", "slides", multiple=True, required=True, help="On whose tiles to check; once for each."),
    click.option("--tiles", type=Path, required=True, help="Folder of the slides' tile stores."),
    click.option("--features", type=Path, help="Folder of the slides' features; for a model that takes features."),
    click.option("--exclude", type=click.Choice(QUALITY_FLAGS), multiple=True, help="Leave out tiles with this flag."),
    click.option("--threads", type=click.IntRange(min=1), default=1, show_default=True, help="CPU threads."),
)


def export_options(program: Callable[..., None]) -> Callable[..., None]:
    """Add them to a program."""
    for option in reversed(_OPTIONS):
        program = option(program)
    return program


def check_slides(*, sheet: Path, slides: tuple[str, ...], tiles: Path, features: Path | None) -> list[CheckSlide]:
    """The slides that the options name."""
    labels = {slide.slide_id: slide.label for slide in read_sheet(sheet)}
    found = []
    for slide_id in slides:
        records, store = store_paths(tiles, slide_id)
        source = features_path(features, slide_id) if features else records
        found.append(CheckSlide(labels.get(slide_id), source, store))
    return found
