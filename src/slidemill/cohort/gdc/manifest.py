"""GDC manifests: TSV with the columns id, filename, md5, size and state, as the GDC data portal writes them."""

import csv
import io
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from slidemill.atomic import write_text
from slidemill.cohort.gdc.files import GdcFile, GdcFileError
from slidemill.errors import SlidemillError

_COLUMNS = ("id", "filename", "md5", "size", "state")


class ManifestError(SlidemillError):
    """A manifest with mistakes, a line for each of them."""


def read_manifest(path: Path) -> list[GdcFile]:
    """Read the files that a manifest names. Its column "state" is not needed.

    Raises:
        ManifestError: it is missing, or has lines that cannot be right; all of them are told at once.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            reader = csv.DictReader(text, delimiter="\t", restval="", quoting=csv.QUOTE_NONE)
            rows = [(reader.line_num, row) for row in reader]
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read ({error.strerror}). Correct select.manifest.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise ManifestError(f"{path}: is no GDC manifest ({error}). Download it again.") from None
    missing = set(_COLUMNS[:4]) - set(reader.fieldnames or ())
    if missing:
        raise ManifestError(f"{path}: is no GDC manifest, it has no column {', '.join(sorted(missing))}.")
    if not rows:
        raise ManifestError(f"{path}: names no files.")
    problems: list[str] = []
    files = [file for line, row in rows if (file := _file(row, f"{path}, line {line}", problems)) is not None]
    problems += _repeated(path, files)
    if problems:
        raise ManifestError("\n".join(problems))
    return files


def write_manifest(path: Path, files: Iterable[GdcFile]) -> None:
    """Write a manifest in order of file name, atomically; gdc-client reads it too."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    for file in sorted(files, key=lambda file: (file.filename, file.file_id)):
        writer.writerow([file.file_id, file.filename, file.md5, file.size, "released"])
    write_text(path, text.getvalue())


def _file(row: dict[str, str], where: str, problems: list[str]) -> GdcFile | None:
    try:
        size = int(row["size"])
    except ValueError:
        problems.append(f"{where}: size '{row['size']}': expected a number of bytes. Correct it.")
        return None
    try:
        return GdcFile(row["id"], row["filename"], row["md5"], size)
    except GdcFileError as error:
        problems.append(f"{where}: {error}")
        return None


def _repeated(path: Path, files: Iterable[GdcFile]) -> list[str]:
    counts = Counter(file.file_id for file in files)
    return [
        f"{path}: file {file_id} comes up {count} times. Keep one of the lines."
        for file_id, count in counts.items()
        if count > 1
    ]
