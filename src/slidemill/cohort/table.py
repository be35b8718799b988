"""The text of a slide sheet as rows of cells, read strictly: what could be read in two ways is refused."""

import csv
import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from slidemill.errors import SlidemillError

_MOST_PROBLEMS = 30  # a mistake that all rows of a long sheet share must not push everything else off the screen
_SEPARATORS = {"commas": ",", "semicolons": ";", "bars": "|", "blanks": " "}


class SheetError(SlidemillError):
    """A slide sheet with mistakes, a line for each of them; of very many the first are told, and how many there are."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        left = len(self.problems) - _MOST_PROBLEMS
        more = [f"... and {left} more mistakes of the sheet"] if left > 0 else []
        return "\n".join([*self.problems[:_MOST_PROBLEMS], *more])


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the cells of a sheet: for each row its line in the file and its cells that are not empty, by column.

    A cell may stand in quotes, in which `""` is a quotation mark. Rows and columns without content are passed over.
    Columns whose name begins with "_" are the user's own and left out.

    Raises:
        SheetError: the file is missing, is not UTF-8 text, is separated by something else than tabs, or has no rows; a
            column comes up twice; a quote stays open, a cell has a line break or a control character, or a row has
            more cells with content than there are columns.
    """
    lines = _lines(path)
    if not lines or not lines[0].strip():
        raise SheetError([f"{path}: no slides. Write a line of column names, and below it a row for each slide."])
    _refuse_other_separators(path, lines[0])
    problems: list[str] = []
    columns = [name.strip() for name in _cells(f"{path}, line 1", lines[0], problems)]
    problems += _repeated(path, columns)
    rows = []
    for number, line in enumerate(lines[1:], start=2):
        cells = [cell.strip() for cell in _cells(f"{path}, line {number}", line, problems)]
        problems += _surplus(f"{path}, line {number}", cells, columns)
        filled = {name: cell for name, cell in zip(columns, cells, strict=False) if cell and not name.startswith("_")}
        if any(cells):
            rows.append((number, filled))
    if problems:
        raise SheetError(problems)
    if not rows:
        raise SheetError([f"{path}: no slides. Write a row for each slide below the line of column names."])
    return rows


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except FileNotFoundError:
        raise SheetError([f"{path}: no such slide sheet. Correct 'slides' in the config."]) from None
    except UnicodeDecodeError as error:
        raise SheetError([f"{path}: not a text table ({error}). Save it as tab-separated UTF-8 text."]) from None
    except OSError as error:
        raise SheetError([f"{path}: cannot be read ({error.strerror}). Correct 'slides' in the config."]) from None


def _refuse_other_separators(path: Path, header: str) -> None:
    if "\t" in header:
        return
    for name, separator in _SEPARATORS.items():
        columns = [column.strip(' "') for column in header.split(separator)]
        if "slide_id" in columns and len(columns) > 1:
            raise SheetError([f"{path}: its columns are separated by {name}. Save it as tab-separated UTF-8 text."])


def _cells(where: str, line: str, problems: list[str]) -> list[str]:
    """The cells of a line; a mistake is added to the problems."""
    try:
        cells = next(csv.reader([line], delimiter="\t", strict=True), [])
    except csv.Error:
        problems.append(
            f"{where}: a cell begins with a quotation mark and does not end with one. Correct the quotation marks, and "
            "take out line breaks inside a cell."
        )
        return []
    for cell in cells:
        if control := re.search(r"[\x00-\x1f\x7f\x85\u2028\u2029]", cell.strip()):
            told = unicodedata.name(control[0], "a control character")
            problems.append(f"{where}: a cell holds {told} (U+{ord(control[0]):04X}). Take it out.")
    return cells


def _repeated(path: Path, columns: Sequence[str]) -> Iterator[str]:
    for name in dict.fromkeys(columns):
        if name and not name.startswith("_") and columns.count(name) > 1:
            yield f"{path}: {columns.count(name)} columns are called '{name}'. Keep one of them."


def _surplus(where: str, cells: Sequence[str], columns: Sequence[str]) -> Iterator[str]:
    for number, cell in enumerate(cells, start=1):
        if cell and (number > len(columns) or not columns[number - 1]):
            yield f"{where}: '{cell}' stands in column {number}, which has no name. Put it in the column it belongs to."
            return


def columns_of(rows: Sequence[tuple[int, Mapping[str, str]]]) -> list[str]:
    """The columns that have content, in the order in which they come up."""
    return list(dict.fromkeys(name for _, row in rows for name in row))
