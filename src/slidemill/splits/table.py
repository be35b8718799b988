"""splits.tsv: which slide is in which split, and what is known of it there."""

import csv
import io
from collections.abc import Iterable
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal, get_args

from slidemill.atomic import write_text

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = get_args(Split)


@dataclass(frozen=True, slots=True)
class SplitRow:
    """One slide of the cohort.

    Attributes:
        slide_id, patient_id, label, site: as in the slide sheet; site may be empty.
        split: "train", "validation" or "test".
        tile_count: tiles that are used of it, 0 for a slide that was set aside.
        status: "usable" or "set_aside".
        reason: why it was set aside; empty for a usable slide.
    """

    slide_id: str
    patient_id: str
    label: str
    site: str
    split: Split
    tile_count: int
    status: str
    reason: str


def write_splits(path: Path, rows: Iterable[SplitRow]) -> None:
    """Write splits.tsv in order of slide_id, atomically."""
    text = io.StringIO()
    names = [field.name for field in fields(SplitRow)]
    writer = csv.DictWriter(text, names, delimiter="\t", lineterminator="\n")
    writer.writeheader()
    writer.writerows(asdict(row) for row in sorted(rows, key=lambda row: row.slide_id))
    write_text(path, text.getvalue())


def read_splits(path: Path) -> list[SplitRow]:
    """Read splits.tsv."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_row(record) for record in csv.DictReader(file, delimiter="\t")]


def _row(record: dict[str, Any]) -> SplitRow:
    return SplitRow(**(record | {"tile_count": int(record["tile_count"])}))
