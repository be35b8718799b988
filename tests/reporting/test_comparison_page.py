import csv
import json
import re
from dataclasses import replace

import pytest

from slidemill.evaluation.comparison import ComparisonError
from slidemill.reporting.comparison_page import compare_runs
from slidemill.reporting.wording import p_value, signed

from .fake_run import FakeSlide, write_run

SLIDES = [
    FakeSlide(f"t{n}", label, "test", scores=scores, patient_id=f"p{n}")
    for n, (label, scores) in enumerate(
        zip(
            ["LUAD", "LUSC", "Normal"] * 4,
            [(0.8, 0.1, 0.1), (0.1, 0.8, 0.1), (0.1, 0.2, 0.7), (0.7, 0.2, 0.1), (0.2, 0.6, 0.2), (0.3, 0.1, 0.6)] * 2,
            strict=True,
        )
    )
]
VALIDATION = [FakeSlide("v1", "LUAD", "validation"), FakeSlide("v2", "LUSC", "validation", scores=(0.2, 0.6, 0.2))]


@pytest.fixture
def evaluated(tmp_path):
    """Writes a run as it lies in a results folder, and says where."""

    def write(name, slides):
        folder = tmp_path / name
        files = write_run(folder, [*slides, *VALIDATION])
        (folder / "evaluation").mkdir()
        for file in (files.metrics, files.slides):
            file.rename(folder / "evaluation" / file.name)
        return folder

    return write


def compare(a, b):
    out = a.parent / "out"
    warnings = compare_runs(a, b, out)
    with (out / "comparison.tsv").open() as file:
        rows = {(row["level"], row["metric"]): row for row in csv.DictReader(file, delimiter="\t")}
    return json.loads((out / "comparison.json").read_text()), rows, (out / "comparison.html").read_text(), warnings


def worse(slides, *wrong):
    return [replace(slide, scores=slide.scores[::-1]) if slide.slide_id in wrong else slide for slide in slides]


def test_a_run_against_itself_differs_in_nothing(evaluated):
    run = evaluated("a", SLIDES)
    found, rows, page, warnings = compare(run, run)
    assert warnings == []
    for level in ("slide", "patient"):
        for metric in found[level].values():
            assert (metric["difference"], metric["interval_95"], metric["p_value"]) == (0, [0, 0], 1)
    assert "a and b are right equally often" in page
    assert "On no slide." in page
    assert rows["slide", "sensitivity_of_LUAD"]["p_value"] == "1.0"


def test_a_worse_run(evaluated):
    found, rows, page, warnings = compare(evaluated("a", SLIDES), evaluated("b", worse(SLIDES, "t0", "t2")))
    assert warnings == []
    assert found["right"] == {"both": 10, "only_a": 2, "only_b": 0, "neither": 0}
    assert found["slide"]["accuracy"]["difference"] == pytest.approx(-2 / 12)
    assert [row["slide_id"] for row in found["disagreements"]] == ["t0", "t2"]
    assert float(rows["patient", "accuracy"]["lower_95"]) < -2 / 12 < float(rows["patient", "accuracy"]["upper_95"])
    assert "b is right less often than a, by no more than chance can explain" in page
    assert len(re.findall('<th scope="row" class="id">t', page)) == 2
    assert not re.search(r"url\(|@import|<script|<link|https?://", page)


def test_only_common_slides_count_and_that_is_said(evaluated):
    aside = [replace(SLIDES[0], reason="no tissue"), *SLIDES[1:]]
    found, _, page, warnings = compare(evaluated("a", SLIDES), evaluated("b", aside[:-1]))
    assert (found["slides"], found["a"]["slides_not_compared"], found["b"]["slides_not_compared"]) == (10, 2, 0)
    assert len(warnings) == 1
    assert "the runs were not tested on the same slides: 2 scored slides of" in warnings[0]
    assert "<strong>Warning:</strong> the runs were not tested on the same slides" in page


def test_what_cannot_be_compared(evaluated, tmp_path):
    run = evaluated("a", SLIDES)
    with pytest.raises(ComparisonError, match="no slide was tested in both"):
        compare(run, evaluated("others", [replace(slide, slide_id=f"o{slide.slide_id}") for slide in SLIDES]))
    relabelled = [replace(SLIDES[0], label="LUSC"), *SLIDES[1:]]
    with pytest.raises(ComparisonError, match=r"slide t0 has label LUAD in .*, and LUSC in"):
        compare(run, evaluated("relabelled", relabelled))
    with pytest.raises(ComparisonError, match=r"is not there\. Finish that run first"):
        compare(run, tmp_path / "nowhere")
    metrics = evaluated("other", SLIDES) / "evaluation" / "metrics.json"
    document = json.loads(metrics.read_text())
    metrics.write_text(json.dumps(document | {"classes": ["LUAD", "LUSC"]}))
    with pytest.raises(ComparisonError, match="has the classes"):
        compare(run, metrics.parents[1])
    del document["intervals"]
    metrics.write_text(json.dumps(document))
    with pytest.raises(ComparisonError, match="of an older slidemill"):
        compare(run, metrics.parents[1])


def test_numbers_with_signs():
    assert [signed(value) for value in (0.0123, -0.5, 0.0, None)] == ["+0.012", "\u22120.500", "0.000", "\u2013"]
    assert [p_value(value) for value in (0.0312, 0.0001, 1.0, None)] == ["0.031", "< 0.001", "1.000", "\u2013"]
