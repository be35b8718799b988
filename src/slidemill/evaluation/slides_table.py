"""slides.tsv and scores.tsv: one row for each slide, with what the model says of it.

Columns of slides.tsv (test slides): slide_id, patient_id, site, fold (from 0, whose model scored the slide; empty
without cross-validation), label (the true class), predicted (the class with the highest score, by the aggregation that
the config chooses, or by a model that scores slides), score (that score), score_{class} for each class in order,
predicted_{method} for each way to aggregate that was used, majority_fraction (share of the tiles that voted for
predicted_majority), tile_count, status ("usable" or "set_aside"), reason. scores.tsv (`snakemake score`) has no site,
fold, label and status. A slide that was set aside has empty scores and a reason. Scores are written as the shortest
text that reads back as the same number.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from slidemill.atomic import write_text
from slidemill.evaluation.aggregate import METHODS, TILE_METHODS, Method, SlideScore

_SCORE = "score_"
_PREDICTED = "predicted_"
_COHORT_COLUMNS = ("site", "fold", "label", "status")


@dataclass(frozen=True, slots=True)
class SlideRow:
    """One row; see the module for the columns.

    Attributes:
        scores: score of each class by the chosen aggregation, in the order of the classes; empty for a slide set aside.
        predicted_by: the predicted class by each way to aggregate; empty for a slide set aside.
        fold: None without cross-validation.
        majority_fraction: None for a slide set aside, and where no tiles were scored.
    """

    slide_id: str
    patient_id: str
    site: str
    fold: int | None
    label: str
    predicted: str
    scores: dict[str, float]
    predicted_by: dict[str, str]
    majority_fraction: float | None
    tile_count: int
    status: str
    reason: str

    @classmethod
    def of(cls, score: SlideScore, method: Method, *, site: str = "", label: str = "", fold: int | None = None) -> Self:
        """Join a slide's score by the method that decides with what the cohort says of the slide."""
        method = score.deciding(method)
        return cls(
            slide_id=score.slide_id,
            patient_id=score.patient_id,
            site=site,
            fold=fold,
            label=label,
            predicted=score.predicted.get(method, ""),
            scores=score.scores.get(method, {}),
            predicted_by={str(name): found for name, found in score.predicted.items()},
            majority_fraction=max(score.scores["majority"].values()) if "majority" in score.scores else None,
            tile_count=score.tile_count,
            status="set_aside" if score.reason else "usable",
            reason=score.reason,
        )

    @property
    def is_scored(self) -> bool:
        """Whether the slide has scores."""
        return bool(self.scores)

    @property
    def is_right(self) -> bool:
        """Whether the predicted class is the true one; False for a slide set aside."""
        return self.is_scored and self.predicted == self.label

    @property
    def score(self) -> float | None:
        """Score of the predicted class, None for a slide set aside."""
        return self.scores[self.predicted] if self.is_scored else None


def write_slides(path: Path, rows: Iterable[SlideRow], classes: Sequence[str]) -> None:
    """Write slides.tsv in the order of the rows, atomically."""
    rows = list(rows)
    _write(path, rows, classes, columns=_columns(classes, _methods(rows)))


def write_scores(path: Path, rows: Iterable[SlideRow], classes: Sequence[str]) -> None:
    """Write scores.tsv, the table without the columns that only a cohort has, atomically."""
    rows = list(rows)
    columns = [column for column in _columns(classes, _methods(rows)) if column not in _COHORT_COLUMNS]
    _write(path, rows, classes, columns=columns)


def read_slides(path: Path) -> list[SlideRow]:
    """Read slides.tsv."""
    with path.open(newline="", encoding="utf-8") as file:
        return [_row(record) for record in csv.DictReader(file, delimiter="\t")]


def _methods(rows: Iterable[SlideRow]) -> list[Method]:
    used = {name for row in rows for name in row.predicted_by}
    return [method for method in METHODS if method in TILE_METHODS or method in used]


def _columns(classes: Sequence[str], methods: Sequence[Method]) -> list[str]:
    identity = ["slide_id", "patient_id", "site", "fold", "label", "predicted", "score"]
    by_method = [f"{_PREDICTED}{method}" for method in methods]
    return [*identity, *map(_column, classes), *by_method, "majority_fraction", "tile_count", "status", "reason"]


def _column(name: str) -> str:
    return f"{_SCORE}{name}"


def _write(path: Path, rows: Iterable[SlideRow], classes: Sequence[str], columns: Sequence[str]) -> None:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, delimiter="\t", lineterminator="\n", extrasaction="ignore")
    writer.writeheader()
    writer.writerows(_record(row, classes) for row in rows)
    write_text(path, text.getvalue())


def _record(row: SlideRow, classes: Sequence[str]) -> dict[str, object]:
    record = {name: getattr(row, name, None) for name in _columns([], [])}
    record |= {f"{_PREDICTED}{method}": found for method, found in row.predicted_by.items()}
    return record | {_column(name): row.scores.get(name) for name in classes}


def _row(record: dict[str, str]) -> SlideRow:
    scores = {column.removeprefix(_SCORE): text for column, text in record.items() if column.startswith(_SCORE)}
    fraction = record["majority_fraction"]
    return SlideRow(
        slide_id=record["slide_id"],
        patient_id=record["patient_id"],
        site=record["site"],
        fold=int(record["fold"]) if record["fold"] else None,
        label=record["label"],
        predicted=record["predicted"],
        scores={name: float(text) for name, text in scores.items() if text},
        predicted_by={
            column.removeprefix(_PREDICTED): text
            for column, text in record.items()
            if column.startswith(_PREDICTED) and text
        },
        majority_fraction=float(fraction) if fraction else None,
        tile_count=int(record["tile_count"]),
        status=record["status"],
        reason=record["reason"],
    )
