"""Checks before anything runs: each mistake in the config or the sheet as a line with what, where and what to do."""

import difflib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from slidemill.cohort.sheet import SheetError, Slide, is_address, read_rows
from slidemill.errors import ConfigError

_OF_A_FILE = ("filename", "md5", "size")  # what a slide that is downloaded needs besides its file_id


def check_config(config: Mapping[str, Any], schema_file: Path) -> None:
    """Check a config against its JSON schema and against itself.

    Raises:
        ConfigError: with a line for each mistake.
    """
    problems = [f"config: {problem}" for problem in _schema_problems(config, _validator(schema_file))]
    if not problems:
        problems = list(_split_problems(config["split"]))
    if problems:
        raise ConfigError("\n".join(problems))


def check_cells(sheet: Path, schema_file: Path) -> None:
    """Check each row of a slide sheet against the JSON schema of a row.

    Raises:
        SheetError: with a line for each mistake.
    """
    validator = _validator(schema_file)
    problems = [
        f"{sheet}, line {line}: {problem}"
        for line, row in read_rows(sheet)
        for problem in _schema_problems(row, validator)
    ]
    if problems:
        raise SheetError(problems)


def check_sources(sheet: Path, slides: Iterable[Slide]) -> None:
    """Check that each slide is to be had: a path with a file, a file_id to download, or a recipe to draw.

    Raises:
        SheetError: with a line for each slide without one.
    """
    slides = list(slides)
    problems = [problem for slide in slides for problem in _source_problems(sheet, slide)]
    if any(slide.synthetic for slide in slides):
        problems += [
            f"{sheet}, line {slide.line}: slide '{slide.slide_id}' is to be downloaded, but the sheet has slides to "
            "draw. Keep them in a sheet of their own."
            for slide in slides
            if slide.file_id is not None
        ]
    if problems:
        raise SheetError(problems)


def check_labels(sheet: Path, slides: Sequence[Slide], classes: Sequence[str]) -> None:
    """Check that each slide has a label that is one of the classes, and each class has a slide.

    Raises:
        SheetError: with a line for each mistake.
    """
    known = ", ".join(classes)
    problems = []
    for slide in slides:
        where = f"{sheet}, line {slide.line}: slide '{slide.slide_id}'"
        if slide.label is None:
            problems.append(f"{where} has no label. Write one of {known} in its 'label' column.")
        elif slide.label not in classes:
            problems.append(
                f"{where} has label '{slide.label}', which is none of the config's classes ({known}). "
                "Correct the label, add the class, or take the slide out."
            )
    if not problems:
        labels = {slide.label for slide in slides}
        problems = [
            f"{sheet}: no slide of class '{name}'. Add slides of this class, or take it out of the config's classes."
            for name in classes
            if name not in labels
        ]
    if problems:
        raise SheetError(problems)


def _validator(schema_file: Path) -> Any:
    return jsonschema.Draft202012Validator(yaml.safe_load(schema_file.read_text(encoding="utf-8")))


def _schema_problems(instance: Any, validator: Any) -> Iterator[str]:
    for error in sorted(validator.iter_errors(instance), key=lambda error: error.json_path):
        yield _one_line(error)


def _one_line(error: Any) -> str:
    place = ".".join(str(part) for part in error.absolute_path)
    if error.validator == "additionalProperties":
        return "; ".join(_unknown_keys(error, place))
    if error.validator == "required":
        missing = error.message.split("'")[1]
        return f"{_joined(place, missing)} is missing. Add it."
    told = error.schema.get("description")
    return f"{place or 'the file'}: {error.message}." + (f" It is: {told}" if told else "")


def _unknown_keys(error: Any, place: str) -> Iterator[str]:
    known = list(error.schema["properties"])
    for key in error.instance:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            advice = f"Did you mean '{close[0]}'?" if close else f"Known are: {', '.join(known)}."
            yield f"{_joined(place, key)} is unknown. {advice}"


def _joined(place: str, key: str) -> str:
    return f"{place}.{key}" if place else str(key)


def _split_problems(split: Mapping[str, Any]) -> Iterator[str]:
    total = split["train"] + split["validation"] + split["test"]
    if abs(total - 1.0) > 1e-6:
        yield f"config: split: the fractions add up to {total:g}. Make them add up to 1."


def _source_problems(sheet: Path, slide: Slide) -> Iterator[str]:
    where = f"{sheet}, line {slide.line}: slide '{slide.slide_id}'"
    sources = [name for name in ("path", "file_id", "synthetic") if getattr(slide, name) is not None]
    if not sources:
        yield f"{where} has no 'path' and no 'file_id'. Say where its file is."
    elif len(sources) > 1:
        yield f"{where} has {' and '.join(sources)}. Keep one of them."
    elif slide.file_id is not None and (missing := [n for n in _OF_A_FILE if getattr(slide, n) is None]):
        yield (
            f"{where} has a file_id and no {', '.join(missing)}. Copy them from the GDC manifest: without them nobody "
            "could tell whether the file arrived whole."
        )
    elif slide.path is not None and not is_address(slide.path) and not Path(slide.path).is_file():
        yield (
            f"{where}: there is no file {slide.path}. Correct its path; a relative one starts in the folder in which "
            "snakemake runs."
        )
