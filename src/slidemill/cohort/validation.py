"""Checks of a sheet's rows before anything runs: each mistake as a line with what, where and what to do."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from slidemill.cohort.barcode import Barcode, parse_barcode
from slidemill.cohort.sheet import NORMAL, Slide
from slidemill.cohort.table import SheetError, columns_of, read_rows
from slidemill.schema import read_schema, schema_problems, unknown_name, validator_of


def check_cells(sheet: Path, schema_file: Path) -> None:
    """Check the columns of a slide sheet, and each row against the JSON schema of a row.

    Raises:
        SheetError: with a line for each mistake.
    """
    rows = read_rows(sheet)
    schema = read_schema(schema_file)
    known = list(schema["properties"])
    columns = columns_of(rows)
    problems = [
        f"{sheet}: column '{name}' is unknown. {unknown_name(name, known)} If it is your own, begin its name with _."
        for name in columns
        if name not in known
    ]
    lacking = [name for name in schema["required"] if name not in columns]
    problems += [f"{sheet}: there is no column '{name}', or it is empty. Fill it in." for name in lacking]
    validator = validator_of({**schema, "required": [name for name in schema["required"] if name not in lacking]})
    for line, row in rows:
        cells = {name: cell for name, cell in row.items() if name in known}
        problems += [f"{sheet}, line {line}: {problem}" for problem in schema_problems(cells, validator)]
    if problems:
        raise SheetError(problems)


def check_labels(
    sheet: Path, slides: Sequence[Slide], classes: Sequence[str], *, against_barcodes: bool = False
) -> None:
    """Check that each slide has a label that is one of the classes, each class a slide, and each TCGA patient one name.

    Args:
        sheet: for messages.
        slides: of the sheet.
        classes: of the config.
        against_barcodes: whether a slide of normal tissue, by its TCGA barcode, may have the label of a tumour.

    Raises:
        SheetError: with a line for each mistake.
    """
    problems = [problem for slide in slides for problem in _label_problems(sheet, slide, classes)]
    if not against_barcodes:
        problems += [problem for slide in slides for problem in _barcode_problems(sheet, slide)]
    problems += _divided_patients(sheet, slides)
    if not problems:
        labels = {slide.label for slide in slides}
        problems = [
            f"{sheet}: no slide of class '{name}'. Add slides of this class, or take it out of the config's classes."
            for name in classes
            if name not in labels
        ]
    if problems:
        raise SheetError(problems)


def check_patient_labels(sheet: Path, slides: Iterable[Slide]) -> None:
    """Check that the slides of each patient have one label, as a bag of all of them does.

    Raises:
        SheetError: with a line for each patient.
    """
    first_of: dict[str, Slide] = {}
    problems: dict[str, str] = {}
    for slide in slides:
        first = first_of.setdefault(slide.patient_id, slide)
        if slide.label != first.label:
            problems.setdefault(
                slide.patient_id,
                f"{sheet}, lines {first.line} and {slide.line}: the slides of patient '{slide.patient_id}' have the "
                f"labels '{first.label}' and '{slide.label}', and with mil.bag: patient all of them are one bag. Set "
                "mil.bag to slide, or give them one label.",
            )
    if problems:
        raise SheetError(list(problems.values()))


def _label_problems(sheet: Path, slide: Slide, classes: Sequence[str]) -> Iterator[str]:
    known = ", ".join(classes)
    where = f"{sheet}, line {slide.line}: slide '{slide.slide_id}'"
    if slide.label is None:
        yield f"{where} has no label. Write one of {known} in its 'label' column."
    elif slide.label not in classes:
        yield (
            f"{where} has label '{slide.label}', which is none of the config's classes ({known}). "
            "Correct the label, add the class, or take the slide out."
        )


def _barcode_problems(sheet: Path, slide: Slide) -> Iterator[str]:
    for text, barcode in _barcodes(slide):
        if barcode.is_normal and slide.label not in (None, NORMAL):
            yield (
                f"{sheet}, line {slide.line}: slide '{slide.slide_id}' has label '{slide.label}', and the barcode in "
                f"{text} says normal tissue (sample type {barcode.sample}). Write '{NORMAL}' or leave the label empty; "
                "if you mean it, set labels_against_barcodes to true in the config."
            )
            return


def _divided_patients(sheet: Path, slides: Iterable[Slide]) -> Iterator[str]:
    """Patients of TCGA who have two names in the sheet, and so could be in two splits."""
    first_of: dict[str, Slide] = {}
    told = set()
    for slide in slides:
        for _, barcode in _barcodes(slide):
            first = first_of.setdefault(barcode.patient, slide)
            pair = (first.patient_id, slide.patient_id)
            if first.patient_id != slide.patient_id and pair not in told:
                told.add(pair)
                yield (
                    f"{sheet}, lines {first.line} and {slide.line}: patients '{first.patient_id}' and "
                    f"'{slide.patient_id}' are one by the barcodes of their slides ({barcode.patient}). Give both one "
                    "patient_id."
                )


def _barcodes(slide: Slide) -> Iterator[tuple[str, Barcode]]:
    """The TCGA barcodes of a slide, each with what holds it."""
    names = {
        "slide_id": slide.slide_id,
        "filename": slide.filename,
        "path": PurePosixPath(slide.path).name if slide.path else None,
    }
    for column, name in names.items():
        if name is not None and (barcode := parse_barcode(name)) is not None:
            yield f"its {column}" if column == "slide_id" else f"its {column} ({name})", barcode
