"""The slide sheet of PANDA (prostate biopsies, Bulten et al. 2022, Nat Med 28:154) from the challenge's train.csv.

The table has a row for each slide: image_id, data_provider, isup_grade, gleason_score. It tells of no patients, so each
slide is its own. About a tenth of its labels are held to be wrong; teams have published lists of them, and the user
gives the one to go by.
"""

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, get_args

from slidemill.atomic import write_text
from slidemill.errors import SlidemillError

PandaLabel = Literal["isup", "cancer"]
PANDA_LABELS: tuple[PandaLabel, ...] = get_args(PandaLabel)

_READ = ("image_id", "data_provider", "isup_grade", "gleason_score")
_COLUMNS = ("slide_id", "patient_id", "label", "site", "path", "_gleason")
_GRADES = ("0", "1", "2", "3", "4", "5")
# Epstein et al. 2016, Am J Surg Pathol 40:244: grade groups of primary and secondary pattern.
_GRADE_OF_GLEASON = {
    "negative": "0",
    "0+0": "0",
    "3+3": "1",
    "3+4": "2",
    "4+3": "3",
    **dict.fromkeys(("4+4", "3+5", "5+3"), "4"),
    **dict.fromkeys(("4+5", "5+4", "5+5"), "5"),
}


class PandaError(SlidemillError):
    """A table from which no slide sheet of PANDA can be made."""


@dataclass(frozen=True, slots=True)
class PandaSheet:
    """What became of a table.

    Attributes:
        rows: of the sheet, by column.
        left_out: slides of the table that are not in the sheet, each with the reason.
    """

    rows: tuple[dict[str, str], ...]
    left_out: dict[str, str]


def list_panda(
    table: Path, images: Path, *, label: PandaLabel, noisy: Path | None = None, keep: Collection[str] = ()
) -> PandaSheet:
    """Read the challenge's table, and find the slides.

    Args:
        table: train.csv.
        images: folder with {image_id}.tiff.
        label: "isup", the grade as isup_0 to isup_5; or "cancer", whether it is above 0, as benign or cancer.
        noisy: text with slides that are left out: their image_id in the first column of each line.
        keep: slides that are used although their Gleason score is not that of their grade.

    Raises:
        PandaError: a file cannot be read, has other columns or a row that is not as published, or no slide is left.
    """
    noise = _named(noisy) if noisy else frozenset()
    rows: list[dict[str, str]] = []
    left_out: dict[str, str] = {}
    seen: set[str] = set()
    for number, row in _rows(table):
        name = row["image_id"]
        if name in seen:
            raise PandaError(f"{table}: line {number}: {name} comes up twice. Take one of its lines out.")
        seen.add(name)
        path = _image(images, name)
        if name in noise:
            left_out[name] = f"its label is noisy by {noisy}"
        elif path is None:
            left_out[name] = f"{images} has no {name}.tiff"
        elif name not in keep and _GRADE_OF_GLEASON[row["gleason_score"]] != row["isup_grade"]:
            left_out[name] = f"its Gleason score {row['gleason_score']} is not that of ISUP grade {row['isup_grade']}"
        else:
            rows.append(_sheet_row(row, path, label))
    if not rows:
        reason = next(iter(left_out.values()), "the table has no row")
        raise PandaError(f"{table}: no slide is left; of the first, {reason}. Give the folder with the slides.")
    return PandaSheet(tuple(rows), left_out)


def write_panda(sheet: PandaSheet, path: Path, left_out: Path) -> None:
    """Write a slide sheet, and a table of what is not in it and why, atomically."""
    write_text(left_out, _table(("slide_id", "reason"), sheet.left_out.items()))
    write_text(path, _table(_COLUMNS, ([row[name] for name in _COLUMNS] for row in sheet.rows)))


def _rows(table: Path) -> Iterator[tuple[int, dict[str, str]]]:
    """Lines of the table with their numbers, each value as published."""
    lines = csv.DictReader(_text(table).splitlines())
    if missing := [name for name in _READ if name not in (lines.fieldnames or ())]:
        raise PandaError(f"{table}: has no column {missing[0]}. Give the challenge's train.csv.")
    for number, line in enumerate(lines, 2):
        row = {name: (line[name] or "").strip() for name in _READ}
        for name, known in (("isup_grade", _GRADES), ("gleason_score", tuple(_GRADE_OF_GLEASON))):
            if row[name] not in known:
                raise PandaError(f"{table}: line {number}: {name} is {row[name]!r}. Expected: {', '.join(known)}.")
        if not row["image_id"] or not row["data_provider"]:
            raise PandaError(f"{table}: line {number}: has no image_id or no data_provider. Correct it.")
        yield number, row


def _sheet_row(row: dict[str, str], path: Path, label: PandaLabel) -> dict[str, str]:
    grade = row["isup_grade"]
    return {
        "slide_id": row["image_id"],
        "patient_id": row["image_id"],
        "label": f"isup_{grade}" if label == "isup" else "benign" if grade == "0" else "cancer",
        "site": row["data_provider"],
        "path": str(path),
        "_gleason": row["gleason_score"],
    }


def _image(folder: Path, name: str) -> Path | None:
    return next((path for ending in (".tiff", ".tif") if (path := folder / f"{name}{ending}").is_file()), None)


def _named(path: Path) -> frozenset[str]:
    cells = (line.replace("\t", ",").split(",")[0].strip().strip('"') for line in _text(path).splitlines())
    return frozenset(cell.removesuffix(".tiff") for cell in cells if cell)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise PandaError(f"{path}: cannot be read ({error}). Give a comma-separated text.") from None


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
