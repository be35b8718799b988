"""The slide sheet: a TSV with a row for each slide, the one description of a cohort."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from slidemill.cohort.barcode import parse_barcode
from slidemill.cohort.table import SheetError, read_rows
from slidemill.locations import expanded
from slidemill.names import file_name_problem, normalised, reading, text_problem

_N = TypeVar("_N", int, float)

NORMAL = "Normal"  # the label that a TCGA barcode of normal tissue fills in

# What a name in each column may be. All are brought to one spelling.
_NAMES: dict[str, Callable[[str], str | None]] = {
    "slide_id": file_name_problem,
    "patient_id": text_problem,
    "site": text_problem,
    "label": text_problem,
}
# Two of these that only look different would be two slides, patients or sites in the place of one.
_ONE_READING = {
    "slide_id": "They are one file on many file systems: tell them apart by more",
    "patient_id": "If they are one patient, write one and the same; else tell them apart by more",
    "site": "If they are one site, write one and the same; else tell them apart by more",
}


@dataclass(frozen=True, slots=True)
class Slide:
    """A row of the slide sheet; what it leaves empty is None.

    Attributes:
        slide_id: names the slide's outputs.
        patient_id, site, label: as written, else from the TCGA barcode in slide_id.
        path: file of a slide that is read where it lies, or its address in a storage, such as s3://bucket/key.svs.
        file_id, filename, md5, size: of a slide that is downloaded.
        mpp: microns per level-0 pixel; counts before what the file states.
        annotation: file with annotated regions, or its address in a storage.
        annotated: "all", or "part" where not all regions are annotated.
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
    annotation: str | None
    annotated: str | None
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
    problems += _alike(path, slides)
    problems += _contradictory_patients(path, slides)
    if problems:
        raise SheetError(problems)
    return tuple(sorted(slides, key=lambda slide: slide.slide_id))


def _slide(path: Path, line: int, row: Mapping[str, str], problems: list[str]) -> Slide | None:
    where = f"{path}, line {line}"
    if "slide_id" not in row:
        problems.append(f"{where}: no slide_id. Name the slide.")
        return None
    row = {**row, **{column: normalised(row[column]) for column in _NAMES if column in row}}
    problems += _unfit_names(where, row)
    slide_id = row["slide_id"]
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
            path=_expanded(row, "path"),
            file_id=row.get("file_id"),
            filename=row.get("filename"),
            md5=row.get("md5"),
            size=_number(row, "size", int),
            mpp=_number(row, "mpp", float),
            annotation=_expanded(row, "annotation"),
            annotated=row.get("annotated"),
            split=row.get("split"),
            synthetic=row.get("synthetic"),
            line=line,
        )
    except ValueError as error:
        problems.append(f"{where}: slide '{slide_id}': {error}.")
        return None


def _expanded(row: Mapping[str, str], column: str) -> str | None:
    try:
        return expanded(row[column]) if column in row else None
    except ValueError as problem:
        raise ValueError(f"its {column} {row[column]} {problem}") from None


def _number(row: Mapping[str, str], column: str, kind: Callable[[str], _N]) -> _N | None:
    try:
        return kind(row[column]) if column in row else None
    except ValueError:
        raise ValueError(f"its {column} is '{row[column]}'. Give a number") from None


def _unfit_names(where: str, row: Mapping[str, str]) -> Iterator[str]:
    for column, problem_of in _NAMES.items():
        if column in row and (problem := problem_of(row[column])) is not None:
            yield f"{where}: {column} '{row[column]}' {problem}."


def _repeated_ids(path: Path, slides: Iterable[Slide]) -> Iterator[str]:
    first_lines: dict[str, int] = {}
    for slide in slides:
        first_line = first_lines.setdefault(slide.slide_id, slide.line)
        if first_line != slide.line:
            yield (
                f"{path}, line {slide.line}: slide_id '{slide.slide_id}' stands on line {first_line} already. "
                "Give each slide its own."
            )


def _alike(path: Path, slides: Iterable[Slide]) -> Iterator[str]:
    """Names that differ only in what people and file systems do not tell apart."""
    for column, advice in _ONE_READING.items():
        first_of: dict[str, tuple[str, int]] = {}
        told = set()
        for slide in slides:
            name = getattr(slide, column)
            if name is None or name in told:
                continue
            other, line = first_of.setdefault(reading(name), (name, slide.line))
            if other != name:
                told.add(name)
                yield (
                    f"{path}, lines {line} and {slide.line}: {column} '{other}' and '{name}' differ only in case, in "
                    f"the width of letters, in blanks or in dashes. {advice}."
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
