"""The results of a run as plain text for a terminal."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from slidemill.evaluation.slides_table import SlideRow

_HEADER = ("slide", "true class", "predicted", "score", "")


def results_text(rows: Sequence[SlideRow], report: Path) -> str:
    """One aligned line for each test slide, the number of right ones, and the report's place.

    Args:
        rows: the rows of slides.tsv. A wrong slide is marked; one that was set aside shows "-" and its reason.
        report: path of report.html.
    """
    lines = _aligned([_HEADER, *map(_cells, rows)])
    return "\n".join([*lines, "", _accuracy_line(rows), f"Report: {report}"])


def _cells(row: SlideRow) -> tuple[str, ...]:
    if row.score is None:
        return row.slide_id, row.label, "-", "-", f"set aside: {row.reason}"
    return row.slide_id, row.label, row.predicted, f"{row.score:.3f}", "" if row.is_right else "<- wrong"


def _aligned(table: Sequence[Sequence[str]]) -> Iterable[str]:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for cells in table:
        yield "  ".join(cell.ljust(width) for cell, width in zip(cells, widths, strict=True)).rstrip()


def _accuracy_line(rows: Sequence[SlideRow]) -> str:
    scored = [row for row in rows if row.is_scored]
    if not scored:
        return "No test slide could be scored."
    right = sum(row.is_right for row in scored)
    aside = len(rows) - len(scored)
    return f"{right} of {len(scored)} test slides right ({right / len(scored):.0%})" + (
        f", {aside} set aside." if aside else "."
    )
