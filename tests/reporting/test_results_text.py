from pathlib import Path

from slidemill.evaluation.aggregate import SlideScore
from slidemill.evaluation.slides_table import SlideRow
from slidemill.reporting.results_text import results_text

REPORT = Path("results/report.html")


def _row(slide_id, label, predicted, reason=""):
    scores = {} if reason else {"LUAD": 0.75 if predicted == "LUAD" else 0.25, "LUSC": 0.25}
    answers = {"mean": predicted} if scores else {}
    score = SlideScore(
        slide_id=slide_id,
        patient_id="p",
        classes=("LUAD", "LUSC"),
        tile_count=len(scores),
        scores={"mean": scores, "majority": scores} if scores else {},
        predicted=answers,
        reason=reason,
        model_sha256="m",
    )
    return SlideRow.of(score, "mean", label=label)


def test_a_table_by_hand():
    rows = [_row("one", "LUAD", "LUAD"), _row("number-two", "LUSC", "LUAD"), _row("3", "LUSC", "", "no tissue")]
    assert results_text(rows, REPORT).splitlines() == [
        "slide       true class  predicted  score",
        "one         LUAD        LUAD       0.750",
        "number-two  LUSC        LUAD       0.750  <- wrong",
        "3           LUSC        -          -      set aside: no tissue",
        "",
        "1 of 2 test slides right (50%), 1 set aside.",
        "Report: results/report.html",
    ]


def test_all_right():
    assert "1 of 1 test slides right (100%)." in results_text([_row("one", "LUAD", "LUAD")], REPORT)


def test_nothing_scored():
    assert "No test slide could be scored." in results_text([_row("3", "LUSC", "", "no tissue")], REPORT)
