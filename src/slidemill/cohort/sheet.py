"""The slide sheet: a TSV with a row for each slide, the one description of a cohort."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from slidemill.cohort.barcode import parse_barcode
from slidemill.errors import SlidemillError

NORMAL = "Normal"  # the label that a TCGA barcode of normal tissue fills in


class SheetError(SlidemillError):
    """A slide sheet with mistakes, a line for each of them."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__(problems)
        self.problems = problems

    def __str__(self) -> str:
        return "\n".join(self.problems)


@dataclass(frozen=True, slots=True)
class Slide:
    """A row of the slide sheet; what it leaves empty is None.

    Attributes:
        slide_id: names the slide's outputs.
        patient_id, site, label: as written, else from the TCGA barcode in slide_id.
        path: file of a slide that is read where it lies, or its address in a storage, such as s3://bucket/key.svs.
        file_id, filename, md5, size: of a slide that is downloaded.
        mpp: microns per level-0 pixel; counts before what the file states.
        annotation: file with annotated regions.
        split: "train", "validation" or "test" where the user decides it.
        synthetic: recipe of a slide that is drawn (slidemill.slides.synthetic).
        line: where the row stands in its sheet.
    """

    slide_id: str
    patient_id: str
    site: str | None
    label: str | None
    path: str | None
    file_id: str | None
    filename: str | None
    md5: str | None
    size: int | None
    mpp: float | None
    annotation: Path | None
    split: str | None
    synthetic: str | None
    line: int


def read_sheet(path: Path) -> tuple[Slide, ...]:
    """Read a slide sheet, in order of slide_id whatever the order of its rows.

    Raises:
        SheetError: the sheet is missing or empty, a cell cannot be read, a slide or a patient contradicts itself; all
            mistakes of the sheet are told at once.
    """
    rows = read_rows(path)
    problems: list[str] = []
    slides = [slide for line, row in rows if (slide := _slide(path, line, row, problems)) is not None]
    problems += _repeated_ids(path, slides)
    problems += _contradictory_patients(path, slides)
    if problems:
        raise SheetError(problems)
    return tuple(sorted(slides, key=lambda slide: slide.slide_id))


def read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Read the cells of a sheet: for each row its line in the file and its cells that are not empty, by column.

    Columns whose name begins with "_" are the user's own and left out.

    Raises:
        SheetError: the file is missing, is not UTF-8 text, or has no rows.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter="\t", restkey="(more cells than columns)", restval="")
            rows = [(reader.line_num, _filled_cells(row)) for row in reader]
    except FileNotFoundError:
        raise SheetError([f"{path}: no such slide sheet. Correct 'slides' in the config."]) from None
    except (UnicodeDecodeError, csv.Error, IsADirectoryError) as error:
        raise SheetError([f"{path}: not a text table ({error}). Save it as tab-separated UTF-8 text."]) from None
    if not rows:
        raise SheetError([f"{path}: no slides. Write a row for each slide below the line of column names."])
    return rows


def _filled_cells(row: Mapping[str | None, str | list[str] | None]) -> dict[str, str]:
    cells = {name: cell for name, cell in row.items() if name is not None and not name.startswith("_")}
    return {name: str(cell).strip() for name, cell in cells.items() if cell and str(cell).strip()}


def is_address(path: str) -> bool:
    """Whether a path is the address of an object in a storage, such as s3://bucket/key, and no file's."""
    return "://" in path


def _expanded(path: str) -> str:
    return path if is_address(path) else str(Path(path).expanduser())


def _slide(path: Path, line: int, row: Mapping[str, str], problems: list[str]) -> Slide | None:
    where = f"{path}, line {line}"
    slide_id = row.get("slide_id")
    if slide_id is None:
        problems.append(f"{where}: no slide_id. Name the slide.")
        return None
    barcode = parse_barcode(slide_id)
    patient_id = row.get("patient_id") or (barcode.patient if barcode else None)
    if patient_id is None:
        problems.append(f"{where}: slide '{slide_id}' has no patient_id. Fill it in; splits are made by patient.")
        return None
    if barcode and patient_id != barcode.patient:
        problems.append(
            f"{where}: slide '{slide_id}' has patient_id '{patient_id}', its barcode says '{barcode.patient}'. "
            "Correct one of them."
        )
    try:
        return Slide(
            slide_id=slide_id,
            patient_id=patient_id,
            site=row.get("site") or (barcode.site if barcode else None),
            label=row.get("label") or (NORMAL if barcode and barcode.is_normal else None),
            path=_expanded(row["path"]) if "path" in row else None,
            file_id=row.get("file_id"),
            filename=row.get("filename"),
            md5=row.get("md5"),
            size=int(row["size"]) if "size" in row else None,
            mpp=float(row["mpp"]) if "mpp" in row else None,
            annotation=Path(row["annotation"]).expanduser() if "annotation" in row else None,
            split=row.get("split"),
            synthetic=row.get("synthetic"),
            line=line,
        )
    except ValueError as error:
        problems.append(f"{where}: slide '{slide_id}': {error}. Give a number.")
        return None


def _repeated_ids(path: Path, slides: Iterable[Slide]) -> Iterator[str]:
    first_lines: dict[str, int] = {}
    for slide in slides:
        first_line = first_lines.setdefault(slide.slide_id, slide.line)
        if first_line != slide.line:
            yield (
                f"{path}, line {slide.line}: slide_id '{slide.slide_id}' stands on line {first_line} already. "
                "Give each slide its own."
            )


def _contradictory_patients(path: Path, slides: Iterable[Slide]) -> Iterator[str]:
    by_patient: dict[str, list[Slide]] = defaultdict(list)
    for slide in slides:
        by_patient[slide.patient_id].append(slide)
    for patient_id, own in by_patient.items():
        for column in ("site", "split"):
            values = sorted({value for slide in own if (value := getattr(slide, column)) is not None})
            if len(values) > 1:
                lines = ", ".join(str(slide.line) for slide in own)
                yield (
                    f"{path}, lines {lines}: patient '{patient_id}' has {column} {' and '.join(values)}. "
                    f"A patient has one {column}: correct it, or give another patient_id."
                )
