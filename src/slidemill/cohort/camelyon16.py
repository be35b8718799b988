"""The slide sheet of CAMELYON16 from the folder in which it was published, whatever the mirror calls its folders.

Files are known by their names: normal_001.tif, tumor_001.tif, test_001.tif, the annotations tumor_001.xml and
test_001.xml, and reference.csv with the truth of the test slides. Masks are passed over, since outlines are exact.

Source of what is done with single slides: the README of the data set; for normal_144 the patch lists of NCRF (Li and
Ping 2018), which leave it out, and Liu et al. 2017 (arXiv:1703.02442), who tell of two mislabelled normal slides.
"""

import csv
import io
import os
import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from slidemill.atomic import write_text
from slidemill.errors import SlidemillError

_SLIDE = re.compile(r"((?:normal|tumor|test)_\d{3})\.(tiff?|xml)", re.IGNORECASE)
_REFERENCE = "reference.csv"
_PACKED_ANNOTATIONS = re.compile(r".*annotations?\.(zip|tar|tar\.gz|tgz)", re.IGNORECASE)
_LABELS = ("normal", "tumor")
_COLUMNS = ("slide_id", "patient_id", "label", "split", "path", "annotation", "annotated", "_metastasis")
_LEFT_OUT_COLUMNS = ("slide_id", "reason")

# What lies outside the outlines of these slides is not known to be normal.
_ANNOTATED_IN_PART = frozenset(
    [f"tumor_{number:03}" for number in (10, 15, 18, 20, 25, 29, 33, 34, 44, 46, 51, 54, 55, 56, 67, 79, 85, 92, 95)]
    + ["tumor_110", "test_114"]
)
_LEFT_OUT = {
    "normal_086": "it has tumour, and was published again as tumor_111",
    "normal_144": "it is held to be mislabelled",
    "test_049": "it is a duplicate, and was taken out of the test slides",
}
_COUNTS = {"normal": 158, "tumor": 111, "test": 129}  # of the slides that are used


class Camelyon16Error(SlidemillError):
    """A folder from which no slide sheet of CAMELYON16 can be made."""


@dataclass(frozen=True, slots=True)
class Camelyon16Sheet:
    """What became of a folder.

    Attributes:
        rows: of the sheet, by column.
        left_out: slides that are there and not in the sheet, each with the reason.
        remarks: what is missing, a sentence each.
    """

    rows: tuple[dict[str, str], ...]
    left_out: dict[str, str]
    remarks: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Files:
    slides: dict[str, Path] = field(default_factory=dict)
    annotations: dict[str, Path] = field(default_factory=dict)
    references: list[Path] = field(default_factory=list)
    packed: list[Path] = field(default_factory=list)


def list_camelyon16(folder: Path, *, reference: Path | None = None, keep: Collection[str] = ()) -> Camelyon16Sheet:
    """Find the slides of CAMELYON16 in a folder and all below it.

    Each slide is its own patient, as the data set tells of none. Test slides are those of the challenge; of the others
    normal_141 to normal_160 and tumor_101 to tumor_110 validate, as in NCRF, so that published patch lists fit; and
    tumor_111.

    Args:
        folder: with the published files.
        reference: table with the truth of the test slides; None: reference.csv in the folder.
        keep: slides that are used although they are known to be duplicates or mislabelled.

    Raises:
        Camelyon16Error: there are no slides, or two of one name, or the truth of a test slide is missing.
    """
    files = _find(folder)
    if not files.slides:
        raise Camelyon16Error(
            f"{folder}: has no slides of CAMELYON16 (normal_001.tif, tumor_001.tif, test_001.tif ...). Give the folder "
            "into which they were downloaded."
        )
    left_out = {name: why for name, why in _LEFT_OUT.items() if name in files.slides and name not in keep}
    used = sorted(files.slides.keys() - left_out.keys())
    truth = _read_truth(folder, files, reference, [name for name in used if name.startswith("test")])
    rows = tuple(_row(name, files, truth) for name in used)
    return Camelyon16Sheet(rows, left_out, tuple(_remarks(rows, files)))


def write_camelyon16(sheet: Camelyon16Sheet, path: Path, left_out: Path) -> None:
    """Write a slide sheet, and a table of what is not in it and why, atomically."""
    write_text(left_out, _table(_LEFT_OUT_COLUMNS, sheet.left_out.items()))
    write_text(path, _table(_COLUMNS, ([row[name] for name in _COLUMNS] for row in sheet.rows)))


def _find(folder: Path) -> _Files:
    files = _Files()
    for place, folders, names in os.walk(folder, followlinks=True):
        folders.sort()
        for name in sorted(names):
            path = Path(place, name)
            if match := _SLIDE.fullmatch(name):
                own = files.annotations if match[2].lower() == "xml" else files.slides
                first = own.setdefault(match[1].lower(), path)
                if first != path:
                    raise Camelyon16Error(
                        f"{folder}: {first} and {path} have one name. Take one of them out, or give a folder with one."
                    )
            elif name.lower() == _REFERENCE:
                files.references.append(path)
            elif _PACKED_ANNOTATIONS.fullmatch(name):
                files.packed.append(path)
    return files


def _read_truth(
    folder: Path, files: _Files, reference: Path | None, wanted: Sequence[str]
) -> dict[str, tuple[str, str]]:
    """Label and kind of metastasis of each test slide."""
    if not wanted:
        return {}
    tables = [reference] if reference else files.references
    if len(tables) != 1:
        found = " and ".join(map(str, tables)) or "none"
        raise Camelyon16Error(
            f"{folder}: the truth of the test slides stands in {_REFERENCE}, and {found} was found. Name the table by "
            "--reference."
        )
    truth = dict(_truth_rows(tables[0]))
    if missing := [name for name in wanted if name not in truth]:
        raise Camelyon16Error(
            f"{tables[0]}: says of {missing[0]} neither Tumor nor Normal ({len(missing)} such test slides). Give the "
            f"{_REFERENCE} that was published with them."
        )
    return truth


def _truth_rows(path: Path) -> Iterator[tuple[str, tuple[str, str]]]:
    """Rows of any table in which `test_001`, `Tumor` or `Normal`, a histology and a size follow each other."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise Camelyon16Error(f"{path}: cannot be read ({error}). Give the table as comma-separated text.") from None
    for cells in csv.reader(text.splitlines()):
        cells = [cell.strip() for cell in cells]
        for number, cell in enumerate(cells[:-1]):
            name = cell.lower().removesuffix(".tif")
            label = cells[number + 1].lower()
            if re.fullmatch(r"test_\d{3}", name) and label in _LABELS:
                size = cells[number + 3].lower() if len(cells) > number + 3 else ""
                yield name, (label, "" if size == "none" else size)
                break


def _row(name: str, files: _Files, truth: dict[str, tuple[str, str]]) -> dict[str, str]:
    kind, number = name.split("_")
    label, metastasis = truth.get(name, (kind, ""))
    validates = 141 <= int(number) <= 160 if kind == "normal" else int(number) >= 101
    return {
        "slide_id": name,
        "patient_id": name,
        "label": label,
        "split": "test" if kind == "test" else "validation" if validates else "train",
        "path": str(files.slides[name]),
        "annotation": str(files.annotations.get(name, "")) if label == "tumor" else "",
        "annotated": "part" if name in _ANNOTATED_IN_PART else "",
        "_metastasis": metastasis,
    }


def _remarks(rows: Sequence[dict[str, str]], files: _Files) -> Iterator[str]:
    for kind, count in _COUNTS.items():
        found = sum(row["slide_id"].startswith(kind) for row in rows)
        if found < count:
            yield f"{found} of the {count} {kind} slides are there"
    bare = [row["slide_id"] for row in rows if row["label"] == "tumor" and not row["annotation"]]
    if bare:
        advice = f": unpack {' and '.join(map(str, files.packed))}" if files.packed else ""
        yield f"{len(bare)} tumor slides have no annotation (.xml), the first {bare[0]}{advice}"


def _table(columns: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()
