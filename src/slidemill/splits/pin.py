"""Write splits into a slide sheet, so that they stay whatever else becomes of the cohort."""

import csv
import io
from collections.abc import Mapping
from pathlib import Path

from slidemill.atomic import write_text
from slidemill.cohort import read_sheet
from slidemill.splits.design import SplitError
from slidemill.splits.table import Split

_COLUMN = "split"


def pin_splits(sheet: Path, splits: Mapping[str, Split], output: Path) -> int:
    """Write a copy of a slide sheet in which each slide states its split.

    Everything else stays as it is: rows and columns, their order, and columns of the user's own.

    Args:
        sheet: the slide sheet.
        splits: of slides by slide_id; a slide of the sheet that is not among them keeps its cell as it is.
        output: the sheet to write; not `sheet` itself, which is never changed.

    Returns:
        How many slides have a split now.

    Raises:
        SplitError: `output` is the sheet, or none of its slides has a split.
        SheetError: the sheet has mistakes.
    """
    if output.exists() and output.samefile(sheet):
        raise SplitError(f"{output}: is the slide sheet itself. Write the pinned sheet to another file.")
    of_line = {slide.line: splits.get(slide.slide_id) for slide in read_sheet(sheet)}
    if not any(of_line.values()):
        raise SplitError(f"{sheet}: none of its slides has a split to pin. Give the splits of the same cohort.")
    lines = sheet.read_text(encoding="utf-8-sig").split("\n")
    rows = [next(csv.reader([line], delimiter="\t"), []) for line in lines]
    names = [name.strip() for name in rows[0]]
    if _COLUMN not in names:
        names.append(_COLUMN)
    place = names.index(_COLUMN)
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(names)
    pinned = 0
    for line, row in enumerate(rows[1:], start=2):
        if line in of_line:
            cells = row + [""] * (len(names) - len(row))
            cells[place] = of_line[line] or cells[place]
            pinned += bool(cells[place])
            writer.writerow(cells)
    write_text(output, text.getvalue())
    return pinned
