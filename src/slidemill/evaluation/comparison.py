"""Compare two runs on the slides that both have tested.

The format of comparison.json, "slidemill comparison 1", is described in docs/outputs.md.
"""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_text
from slidemill.errors import SlidemillError
from slidemill.evaluation.aggregate import ALL_METHODS, SlideScore
from slidemill.evaluation.intervals import CONFIDENCE
from slidemill.evaluation.levels import Cohort, ScoredSlide
from slidemill.evaluation.paired import difference, numbers
from slidemill.evaluation.samples import Samples
from slidemill.evaluation.slides_table import SlideRow, read_slides
from slidemill.splits.design import GroupBy

FORMAT = "slidemill comparison 1"
_COLUMNS = ("level", "metric", "a", "b", "difference", "lower_95", "upper_95", "p_value", "reason")


class ComparisonError(SlidemillError):
    """Two runs that cannot be compared."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem

    def __str__(self) -> str:
        return f"the runs cannot be compared: {self.problem}"


@dataclass(frozen=True, slots=True)
class EvaluatedRun:
    """What a run says of its test slides.

    Attributes:
        name: by which the comparison calls it, such as its results folder.
        metrics: of metrics.json.
        slides: the test slides.
    """

    name: str
    metrics: dict[str, Any]
    slides: list[SlideRow]

    @property
    def scored(self) -> dict[str, SlideRow]:
        """The scored slides by id."""
        return {row.slide_id: row for row in self.slides if row.is_scored}


def read_evaluation(folder: Path) -> EvaluatedRun:
    """Read evaluation/ of a results folder.

    Raises:
        ComparisonError: the folder holds no evaluation, or one of an older format.
    """
    metrics, slides = folder / "evaluation" / "metrics.json", folder / "evaluation" / "slides.tsv"
    for path in (metrics, slides):
        if not path.is_file():
            raise ComparisonError(f"{path} is not there. Finish that run first, or name another results folder.")
    document = json.loads(metrics.read_text(encoding="utf-8"))
    if "intervals" not in document:
        raise ComparisonError(f"{metrics} is of an older slidemill. Evaluate that run again.")
    return EvaluatedRun(str(folder), document, read_slides(slides))


def compare(a: EvaluatedRun, b: EvaluatedRun) -> dict[str, Any]:
    """Each metric of run b less that of run a, on the slides that both have scored.

    Raises:
        ComparisonError: the runs have other classes, no slide in common, or disagree on a slide's label or patient.
    """
    slide_ids = _common_slides(a, b)
    classes = a.metrics["classes"]
    unit: GroupBy = "site" if "site" in (a.metrics["intervals"]["unit"], b.metrics["intervals"]["unit"]) else "patient"
    is_ordered = any(run.metrics.get("ordered_classes") for run in (a, b))
    cohorts = [_cohort(run, slide_ids, classes, unit, is_ordered=is_ordered) for run in (a, b)]
    slides = [cohort.slides_by("mean") for cohort in cohorts]
    thresholds = [_thresholds(run, slide_ids) for run in (a, b)]
    return {
        "format": FORMAT,
        "a": _about(a, slide_ids),
        "b": _about(b, slide_ids),
        "classes": classes,
        "slides": len(slide_ids),
        "patients": len(cohorts[0].patients),
        "intervals": {"confidence": CONFIDENCE, "unit": unit, "units": len(cohorts[0].units)},
        "warnings": _warnings(a, b, slide_ids),
        "right": _right(*slides),
        "disagreements": _disagreements(a, b, slide_ids),
        "slide": _differences(slides, thresholds),
        "patient": _differences([cohort.patients_by("mean") for cohort in cohorts], [{}, {}]),
    }


def write_comparison(document: Mapping[str, Any], *, json_path: Path, tsv_path: Path) -> None:
    """Write comparison.json, and its differences as comparison.tsv, each atomically."""
    text = io.StringIO()
    writer = csv.writer(text, delimiter="\t", lineterminator="\n")
    writer.writerow(_COLUMNS)
    for level in ("slide", "patient"):
        for metric, found in document[level].items():
            lower, upper = found["interval_95"] or (None, None)
            values = (found["a"], found["b"], found["difference"], lower, upper, found["p_value"], found["reason"])
            writer.writerow([level, metric, *values])
    write_text(tsv_path, text.getvalue())
    write_text(json_path, json.dumps(document, indent=2, sort_keys=True, allow_nan=False) + "\n")


def _common_slides(a: EvaluatedRun, b: EvaluatedRun) -> list[str]:
    if a.metrics["classes"] != b.metrics["classes"]:
        names = [", ".join(run.metrics["classes"]) for run in (a, b)]
        raise ComparisonError(f"{a.name} has the classes {names[0]}, and {b.name} {names[1]}.")
    of_a, of_b = a.scored, b.scored
    common = sorted(of_a.keys() & of_b.keys())
    if not common:
        raise ComparisonError(f"no slide was tested in both {a.name} and {b.name}. Give both the same splits.")
    for slide_id in common:
        one, other = of_a[slide_id], of_b[slide_id]
        for what, first, second in (
            ("label", one.label, other.label),
            ("patient", one.patient_id, other.patient_id),
        ):
            if first != second:
                raise ComparisonError(f"slide {slide_id} has {what} {first} in {a.name}, and {second} in {b.name}.")
    return common


def _about(run: EvaluatedRun, common: Sequence[str]) -> dict[str, Any]:
    return {
        "name": run.name,
        "model_sha256": run.metrics["model_sha256"],
        "aggregation": run.metrics["aggregation"]["method"],
        "slides_scored": len(run.scored),
        "slides_not_compared": len(run.scored) - len(common),
    }


def _warnings(a: EvaluatedRun, b: EvaluatedRun, common: Sequence[str]) -> list[str]:
    found = []
    alone = [(run.name, len(run.scored) - len(common)) for run in (a, b)]
    if any(number for _, number in alone):
        lost = " and ".join(f"{number} scored slides of {name}" for name, number in alone if number)
        found.append(
            f"the runs were not tested on the same slides: {lost} are not compared, and the numbers here are not those"
            " of the runs' own reports"
        )
    if a.metrics["aggregation"] != b.metrics["aggregation"]:
        found.append("the runs make slide scores of tile scores in different ways")
    return found


def _right(a: Samples, b: Samples) -> dict[str, int]:
    """Slides by who is right."""
    of_a, of_b = (samples.predicted == samples.true for samples in (a, b))
    return {
        "both": int((of_a & of_b).sum()),
        "only_a": int((of_a & ~of_b).sum()),
        "only_b": int((~of_a & of_b).sum()),
        "neither": int((~of_a & ~of_b).sum()),
    }


def _disagreements(a: EvaluatedRun, b: EvaluatedRun, common: Sequence[str]) -> list[dict[str, Any]]:
    """The slides of which the runs predict different classes."""
    of_a, of_b = a.scored, b.scored
    pairs = [(of_a[slide_id], of_b[slide_id]) for slide_id in common]
    return [
        {"slide_id": one.slide_id, "patient_id": one.patient_id, "label": one.label}
        | {"a": one.predicted, "score_a": one.score, "b": other.predicted, "score_b": other.score}
        for one, other in pairs
        if one.predicted != other.predicted
    ]


def _differences(pair: Sequence[Samples], thresholds: Sequence[dict[str, np.ndarray]]) -> dict[str, Any]:
    one, other = (numbers(samples, own) for samples, own in zip(pair, thresholds, strict=True))
    is_same = bool((pair[0].scores == pair[1].scores).all()) and _are_same(*thresholds)
    return {name: difference(one[name], other[name], is_same=is_same) for name in one if name in other}


def _are_same(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> bool:
    return one.keys() == other.keys() and all((one[name] == other[name]).all() for name in one)


def _cohort(
    run: EvaluatedRun, slide_ids: Sequence[str], classes: Sequence[str], unit: GroupBy, *, is_ordered: bool
) -> Cohort:
    """The compared slides; every way to aggregate stands for the one that the run chose."""
    scored = run.scored
    slides = []
    for slide_id in slide_ids:
        row = scored[slide_id]
        score = SlideScore(
            slide_id=slide_id,
            patient_id=row.patient_id,
            classes=tuple(classes),
            tile_count=row.tile_count,
            scores=dict.fromkeys(ALL_METHODS, row.scores),
            predicted=dict.fromkeys(ALL_METHODS, row.predicted),
            reason="",
            model_sha256="",
        )
        slides.append(ScoredSlide(score, row.label, np.zeros((0, len(classes)), np.float32), row.site))
    return Cohort(slides, classes, unit, is_ordered=is_ordered)


def _thresholds(run: EvaluatedRun, slide_ids: Sequence[str]) -> dict[str, np.ndarray]:
    """For each class that has an operating point the threshold of each slide, that of its fold."""
    scored = run.scored
    folds = [scored[slide_id].fold or 0 for slide_id in slide_ids]
    points = run.metrics["operating_points"].items()
    return {name: np.array(point["thresholds"])[folds] for name, point in points if point}
