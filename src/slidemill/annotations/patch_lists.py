"""Lists of places at which patches are trained on, each with a class.

Two forms are read: one table with columns `slide_id`, `x`, `y` and `class`, separated by commas or tabs; or for each
class a list without a header, `Tumor_024,x,y` on each line, as NCRF publishes them. Places are the middles of patches,
in level-0 pixels.
"""

import csv
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path
from typing import NamedTuple

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.names import normalised, reading

_MOST_PROBLEMS = 30
_LARGEST = 2**31  # pixels; no slide is larger
_SLIDE_COLUMNS, _CLASS_COLUMNS = ("slide_id", "slide"), ("class", "label")


class PatchListError(SlidemillError):
    """Lists of patches with mistakes, a line for each; of very many the first are told, and how many there are."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        left = len(self.problems) - _MOST_PROBLEMS
        more = [f"... and {left} more mistakes of the lists of patches"] if left > 0 else []
        return "\n".join([*self.problems[:_MOST_PROBLEMS], *more])


@dataclass(frozen=True, slots=True)
class SlidePatches:
    """The patches of a slide, from top to bottom, and in a row from left to right; none comes up twice.

    Attributes:
        centres: (patches, 2) int64, x and y in level-0 pixels.
        labels: (patches,) int64, place of the class in the config's list.
        lines: file and line of each.
    """

    centres: np.ndarray
    labels: np.ndarray
    lines: tuple[tuple[Path, int], ...]

    def place(self, number: int) -> str:
        """Where a patch is listed, for messages."""
        return _place(self.lines[number])

    def class_counts(self, classes: int) -> np.ndarray:
        """(classes,) int64: number of patches of each class."""
        return np.bincount(self.labels, minlength=classes)


@dataclass(frozen=True, slots=True)
class ListedPatches:
    """What the lists say.

    Attributes:
        slides: the patches of each slide that has some, by slide_id.
        remarks: what was passed over, a sentence each.
    """

    slides: Mapping[str, SlidePatches]
    remarks: tuple[str, ...]


class _Row(NamedTuple):
    line: tuple[Path, int]
    slide: str
    x: str
    y: str
    name: str  # of the class


@dataclass(slots=True)
class _Reading:
    """What was found so far."""

    found: dict[str, dict[tuple[int, int], tuple[int, tuple[Path, int]]]] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    repeated: int = 0
    unknown: dict[str, int] = field(default_factory=dict)


def read_patch_lists(
    lists: Path | Mapping[str, Sequence[Path]], slide_ids: Collection[str], classes: Sequence[str]
) -> ListedPatches:
    """Read where patches are and what they show.

    Slides are known whatever the case of their names, as in slide sheets: `Tumor_024` is `tumor_024`. Patches of slides
    that are none of these, and those that come up twice, are passed over and told.

    Args:
        lists: a table with classes, or lists for each class.
        slide_ids: of the slide sheet.
        classes: of the config.

    Raises:
        PatchListError: a file cannot be read, a line has no slide, no coordinates or an unknown class, a place has two
            classes, or no slide has a patch.
    """
    known = _Known({reading(slide_id): slide_id for slide_id in slide_ids})
    numbers = {name: number for number, name in enumerate(classes)}
    state = _Reading()
    for row in _rows(lists, state.problems):
        _add(row, state, known, numbers)
    if not state.problems and not state.found:
        named = ", ".join(map(str, [lists] if isinstance(lists, Path) else chain(*lists.values())))
        first = next(iter(state.unknown), None)
        why = f"names none of the slide sheet's slides; its first is '{first}'" if first else "has no patches"
        state.problems.append(f"{named}: {why}. Give the patches of slides of the sheet, by their slide_id.")
    if state.problems:
        raise PatchListError(state.problems)
    slides = {slide_id: _patches(state.found[slide_id]) for slide_id in sorted(state.found)}
    return ListedPatches(slides, tuple(_remarks(state)))


class _Known(dict[str, str | None]):
    """The slide_id that each spelling in a list means; None where the sheet has no such slide."""

    def __init__(self, by_reading: Mapping[str, str]) -> None:
        super().__init__()
        self._by_reading = by_reading

    def __missing__(self, name: str) -> str | None:
        slide_id = self[name] = self._by_reading.get(reading(name))
        return slide_id


def _rows(lists: Path | Mapping[str, Sequence[Path]], problems: list[str]) -> Iterator[_Row]:
    if isinstance(lists, Path):
        yield from _table_rows(lists, problems)
        return
    for name, path in ((name, path) for name, paths in lists.items() for path in paths):
        for line, cells in _lines(path, problems):
            if len(cells) != 3:
                problems.append(f"{path}, line {line}: has {len(cells)} cells. Write slide_id, x and y.")
            else:
                yield _Row((path, line), cells[0], cells[1], cells[2], name)


def _table_rows(path: Path, problems: list[str]) -> Iterator[_Row]:
    lines = _lines(path, problems)
    _, header = next(lines, (1, []))
    named = {name.lower(): number for number, name in reversed(list(enumerate(header)))}
    wanted = [_SLIDE_COLUMNS, ("x",), ("y",), _CLASS_COLUMNS]
    columns = [next((named[name] for name in names if name in named), None) for names in wanted]
    if header and None in columns:
        lacking = wanted[columns.index(None)][0]
        problems.append(
            f"{path}: has no column '{lacking}'. Write slide_id, x, y and class on its first line; or give a list for "
            "each class."
        )
        return
    for line, cells in lines:
        if len(cells) < len(header):
            problems.append(f"{path}, line {line}: has {len(cells)} of {len(header)} cells. Fill in the others.")
        else:
            slide, x, y, name = (cells[number] for number in columns if number is not None)
            yield _Row((path, line), slide, x, y, name)


def _lines(path: Path, problems: list[str]) -> Iterator[tuple[int, list[str]]]:
    """The cells of each line that is not empty."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            separator = "\t" if "\t" in file.readline() else ","
            file.seek(0)
            reader = csv.reader(file, delimiter=separator)
            for cells in reader:
                if any(map(str.strip, cells)):
                    yield reader.line_num, [cell.strip() for cell in cells]
    except OSError as error:
        problems.append(f"{path}: cannot be read ({error.strerror}). Correct 'labels.patches' in the config.")
    except (UnicodeDecodeError, csv.Error) as error:
        problems.append(f"{path}: is no table of patches ({error}). Save it as comma-separated UTF-8 text.")


def _add(row: _Row, state: _Reading, known: _Known, numbers: Mapping[str, int]) -> None:
    slide_id = known[row.slide]
    if slide_id is None:
        state.unknown[row.slide] = state.unknown.get(row.slide, 0) + 1
        return
    try:
        x, y = _pixels("x", row.x), _pixels("y", row.y)
    except ValueError as problem:
        state.problems.append(f"{_place(row.line)}: its {problem}. Give the middle of a patch in level-0 pixels.")
        return
    number = numbers.get(normalised(row.name))
    if number is None:
        known_classes = ", ".join(numbers)
        state.problems.append(
            f"{_place(row.line)}: its class '{row.name}' is none of the config's classes ({known_classes}). Correct it."
        )
        return
    first, line = state.found.setdefault(slide_id, {}).setdefault((y, x), (number, row.line))
    if first != number:
        state.problems.append(
            f"{_place(row.line)}: has another class than the same place has in {_place(line)}. Keep one of them."
        )
    elif line is not row.line:
        state.repeated += 1


def _place(line: tuple[Path, int]) -> str:
    return f"{line[0]}, line {line[1]}"


def _pixels(name: str, text: str) -> int:
    """A coordinate; one with a fraction is rounded, half up."""
    try:
        number = int(text) if text.isdecimal() else float(text)
    except ValueError:
        number = float("nan")
    if not 0 <= number < _LARGEST:  # also refuses NaN
        raise ValueError(f"{name} is '{text}'")
    return int(number + 0.5)


def _patches(found: Mapping[tuple[int, int], tuple[int, tuple[Path, int]]]) -> SlidePatches:
    ordered = sorted(found.items())
    return SlidePatches(
        centres=np.array([(x, y) for (y, x), _ in ordered], np.int64),
        labels=np.array([number for _, (number, _) in ordered], np.int64),
        lines=tuple(line for _, (_, line) in ordered),
    )


def _remarks(state: _Reading) -> Iterator[str]:
    if state.unknown:
        yield (
            f"{sum(state.unknown.values())} patches are of {len(state.unknown)} slides that the slide sheet does not "
            f"have, the first {next(iter(state.unknown))}"
        )
    if state.repeated:
        yield f"{state.repeated} patches come up more than once, and count once"
