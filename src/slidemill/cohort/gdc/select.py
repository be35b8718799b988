"""From the GDC, or from a manifest, to a slide sheet."""

import csv
import io
import logging
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from slidemill.atomic import write_text
from slidemill.cohort.barcode import parse_barcode
from slidemill.cohort.gdc.errors import ServerUnavailableError
from slidemill.cohort.gdc.files import GdcFile
from slidemill.cohort.gdc.labels import SLIDE_SUFFIX, LeftOutError, label_of
from slidemill.cohort.gdc.manifest import read_manifest, write_manifest
from slidemill.cohort.gdc.query import ListedFile, query_files, query_ids
from slidemill.cohort.gdc.selection import Selection
from slidemill.cohort.gdc.server import GdcServer
from slidemill.cohort.gdc.tissue_source_sites import PROJECT_OF_SITE
from slidemill.errors import SlidemillError

_LOG = logging.getLogger(__name__)
_COLUMNS = ("slide_id", "patient_id", "label", "site", "file_id", "filename", "md5", "size")
_LEFT_OUT_COLUMNS = ("file_id", "filename", "reason")


class SelectionError(SlidemillError):
    """A selection that gives no usable cohort."""


@dataclass(frozen=True, slots=True)
class SelectedFiles:
    """What is written, atomically.

    Attributes:
        sheet: the slide sheet.
        manifest: the GDC manifest of its slides.
        left_out: a line for each slide that is not in the sheet, with the reason.
    """

    sheet: Path
    manifest: Path
    left_out: Path


def select_slides(
    selection: Selection, server: GdcServer, outputs: SelectedFiles, *, manifest: Path | None = None
) -> None:
    """Write the slide sheet of a cohort at the GDC, and the manifest that belongs to it.

    Args:
        selection: what the cohort is made of.
        server: the GDC. It is not asked when a manifest is given and its slides tell all by themselves.
        outputs: what to write.
        manifest: take these files instead of all that the GDC has.

    Raises:
        SelectionError: a class has no slide.
        ManifestError: the manifest has mistakes.
        ServerUnavailableError: the GDC does not answer.
    """
    listed = _with_projects(read_manifest(manifest), server) if manifest else query_files(server, selection.question())
    labels: dict[str, str] = {}
    left_out: dict[str, str] = {}
    for slide in listed:
        try:
            labels[slide.file.file_id] = label_of(slide, selection)
        except LeftOutError as reason:
            left_out[slide.file.file_id] = str(reason)
    files = {slide.file.file_id: slide.file for slide in listed}
    _log_counts(labels, left_out)
    _refuse_missing_classes(labels, left_out, selection)
    selected = [files[file_id] for file_id in labels]
    write_text(outputs.left_out, _table(_LEFT_OUT_COLUMNS, _left_out_rows(files, left_out)))
    write_manifest(outputs.manifest, selected)
    write_text(outputs.sheet, _table(_COLUMNS, _sheet_rows(selected, labels)))
    _LOG.info("written: %s, %s, %s", outputs.sheet, outputs.manifest, outputs.left_out)


def _with_projects(files: Sequence[GdcFile], server: GdcServer) -> list[ListedFile]:
    """Find out the project of each file: from the site in its barcode, else from the GDC."""
    listed = {file.file_id: ListedFile(file, _project_by_site(file)) for file in files}
    unknown = [file_id for file_id, slide in listed.items() if slide.project is None]
    if unknown:
        try:
            answers = {slide.file.file_id: slide for slide in query_ids(server, unknown)}
        except ServerUnavailableError as error:
            _LOG.warning("%d slides are of sites that only the GDC knows. %s", len(unknown), error)
            answers = {}
        for file_id, answer in answers.items():
            # The manifest stays right about what is to be downloaded.
            listed[file_id] = ListedFile(listed[file_id].file, answer.project, answer.tissue_type)
    return list(listed.values())


def _project_by_site(file: GdcFile) -> str | None:
    barcode = parse_barcode(file.filename)
    return PROJECT_OF_SITE.get(barcode.site) if barcode else None


def _sheet_rows(files: Sequence[GdcFile], labels: dict[str, str]) -> Iterable[tuple[object, ...]]:
    names = Counter(file.filename.split(".")[0] for file in files)
    for file in sorted(files, key=lambda file: (file.filename, file.file_id)):
        barcode = parse_barcode(file.filename)
        assert barcode is not None  # noqa: S101
        name = file.filename.split(".")[0]
        # The part after the barcode is needed only where the GDC has two files of a slide.
        slide_id = name if names[name] == 1 else f"{file.filename.removesuffix(SLIDE_SUFFIX)}.{file.file_id[:8]}"
        label = labels[file.file_id]
        yield (slide_id, barcode.patient, label, barcode.site, file.file_id, file.filename, file.md5, file.size)


def _left_out_rows(files: dict[str, GdcFile], left_out: dict[str, str]) -> Iterable[tuple[str, str, str]]:
    return sorted((file_id, files[file_id].filename, reason) for file_id, reason in left_out.items())


def _table(columns: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(rows)
    return text.getvalue()


def _log_counts(labels: dict[str, str], left_out: dict[str, str]) -> None:
    _LOG.info("%d slides: %s", len(labels), _counts(labels.values()) or "none")
    if left_out:
        _LOG.info("%d slides left out: %s", len(left_out), _counts(left_out.values()))


def _counts(values: Iterable[str]) -> str:
    return ", ".join(f"{number} {value}" for value, number in sorted(Counter(values).items()))


def _refuse_missing_classes(labels: dict[str, str], left_out: dict[str, str], selection: Selection) -> None:
    missing = [name for name in selection.classes if name not in labels.values()]
    if missing:
        reasons = f" Left out: {_counts(left_out.values())}." if left_out else ""
        raise SelectionError(
            f"no slide of class {', '.join(missing)}. Change select.projects, select.sections or select.filters, or "
            f"take the class out of the config's classes.{reasons}"
        )
