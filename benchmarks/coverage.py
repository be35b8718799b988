"""How often 95% intervals hold the true value, by simulation.

    .venv/bin/python benchmarks/coverage.py [--design moderate] [--patients 12 --patients 30] [--cohorts 400] [--before]

Cohorts are drawn from a model of which the true values are known (from 100,000 patients): patients of three classes
with 1 to 4 slides each, whose scores share a part of their variance; with `sites`, patients of a site share another
part. Printed is, for each metric and number of patients, the share of the cohorts whose interval holds the true value,
the mean width of the intervals, and the share of the cohorts that have none; a missing interval holds nothing.
`--before` adds the percentile bootstrap over patients, stratified by class, and DeLong's interval, as they were used up
to commit 283d0b6.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import Any

import click
import numpy as np

from slidemill.evaluation import calibration, confusion
from slidemill.evaluation.metrics import all_metrics, proportion
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

TRUTH_PATIENTS = 100_000
Interval = tuple[float, float] | None


@dataclass(frozen=True)
class Design:
    """A population of patients.

    Attributes:
        distance: between the classes, in standard deviations of a slide's latent scores.
        shares: of the classes.
        patient: part of the variance of latent scores that slides of a patient share.
        site: the same of a site, beside that of the patient.
        patients_per_site: 0 for no sites.
    """

    distance: float
    shares: tuple[float, ...] = (0.5, 0.3, 0.2)
    patient: float = 0.5
    site: float = 0.0
    patients_per_site: int = 0


DESIGNS = {
    "hard": Design(1.0),
    "moderate": Design(1.6),
    "easy": Design(2.2),
    "alike": Design(1.6, patient=0.9),
    "rare": Design(1.9, shares=(0.62, 0.3, 0.08)),
    "two": Design(1.6, shares=(0.6, 0.4)),
    "sites": Design(1.6, patient=0.3, site=0.25, patients_per_site=8),
}


def draw(design: Design, patients: int, random: np.random.Generator) -> Samples:
    """Slides of a cohort; units are patients, or sites where the design has some."""
    classes = len(design.shares)
    true = random.choice(classes, size=patients, p=design.shares)
    patient = np.repeat(np.arange(patients), random.integers(1, 5, size=patients))
    site = patient // design.patients_per_site if design.patients_per_site else np.zeros(len(patient), np.int64)
    parts = [(patient, design.patient), (site, design.site)]
    own = 1 - design.patient - design.site
    latent = design.distance * np.eye(classes)[true[patient]] + random.normal(size=(len(patient), classes)) * own**0.5
    for group, share in parts:
        latent += random.normal(size=(1 + group.max(), classes))[group] * share**0.5
    logits = latent * design.distance + np.log(design.shares)  # posteriors: the model is calibrated
    scores = np.exp(logits - logits.max(axis=1, keepdims=True))
    scores /= scores.sum(axis=1, keepdims=True)
    unit = site if design.patients_per_site else patient
    names = tuple(f"{place}" for place in range(classes))
    return Samples(names, unit, true[patient], scores.argmax(axis=1), scores)


def true_values(design: Design) -> dict[str, float]:
    """Each metric in the population."""
    samples = draw(design, TRUTH_PATIENTS, np.random.default_rng(0))
    matrix = confusion.confusion_matrix(samples)
    classes = range(len(design.shares))
    found = {
        "accuracy": float(confusion.accuracy(matrix)),
        "balanced accuracy": float(confusion.balanced_accuracy(matrix)),
        "kappa": float(confusion.cohen_kappa(matrix)),
        "F1, macro": float(confusion.f1_macro(matrix)),
        "log loss": float(calibration.log_losses(samples).mean()),
        "Brier score": float(calibration.brier_scores(samples).mean()),
        "calibration error": calibration.calibration_error(samples),
    }
    every = [np.concatenate([samples.is_true(n) for n in classes]), samples.scores.T.ravel()]
    for name, area in (("AUC", Ranking.auc), ("average precision", Ranking.average_precision)):
        parts = [float(area(Ranking.of(samples.is_true(n), samples.scores[:, n]))[0]) for n in classes]
        found |= {f"{name}, class {n}": value for n, value in enumerate(parts)}
        found |= {f"{name}, macro": float(np.mean(parts)), f"{name}, micro": float(area(Ranking.of(*every))[0])}
    for n, (share, is_true) in enumerate(zip(design.shares, (samples.is_true(n) for n in classes), strict=True)):
        called = samples.scores[:, n] >= share
        found[f"F1, class {n}"] = float(confusion.f1_of_classes(matrix)[n])
        found[f"sensitivity, class {n}"] = float(called[is_true].mean())
        found[f"specificity, class {n}"] = float((~called)[~is_true].mean())
        found[f"precision, class {n}"] = float(is_true[called].mean())
        found[f"negative predictive value, class {n}"] = float((~is_true)[~called].mean())
    return found


def intervals(samples: Samples, design: Design) -> dict[str, Interval]:
    """Those of the library."""
    found = all_metrics(samples)
    named = {
        "accuracy": found["accuracy"],
        "balanced accuracy": found["balanced_accuracy"],
        "kappa": found["cohen_kappa"],
        "F1, macro": found["f1"]["macro"],
        "log loss": found["log_loss"],
        "Brier score": found["brier"],
        "calibration error": found["expected_calibration_error"],
    }
    for name, key in (("AUC", "auc"), ("average precision", "average_precision")):
        named |= {f"{name}, {kind}": found[key][kind] for kind in ("macro", "micro")}
        named |= {f"{name}, class {n}": part for n, part in found[key]["per_class"].items()}
    named |= {f"F1, class {n}": part for n, part in found["f1"]["per_class"].items()}
    for n, share in enumerate(design.shares):
        is_true, called = samples.is_true(n), samples.scores[:, n] >= share
        for name, counted, among in (
            ("sensitivity", called, is_true),
            ("specificity", ~called, ~is_true),
            ("precision", is_true, called),
            ("negative predictive value", ~is_true, ~called),
        ):
            named[f"{name}, class {n}"] = proportion(counted, samples, among, "")
    return {name: tuple(part["interval_95"]) if part["interval_95"] else None for name, part in named.items()}


def intervals_before(samples: Samples, design: Design, seed: int) -> dict[str, Interval]:
    """Percentiles of 2,000 draws of units within classes; a class of one unit joins the largest."""
    draws = _draws(samples, np.random.default_rng(seed))
    classes = range(len(design.shares))
    matrices = np.tensordot(draws, confusion.confusion_of_units(samples), axes=1)

    def mean(values: np.ndarray, among: np.ndarray | None = None) -> np.ndarray:
        counted = np.ones(len(values)) if among is None else among.astype(float)
        sums, counts = (np.bincount(samples.unit, part, samples.units) for part in (values * counted, counted))
        with np.errstate(invalid="ignore"):
            return (draws @ sums) / (draws @ counts)

    found = {
        "accuracy": confusion.accuracy(matrices),
        "balanced accuracy": confusion.balanced_accuracy(matrices),
        "kappa": confusion.cohen_kappa(matrices),
        "F1, macro": confusion.f1_macro(matrices),
        "log loss": mean(calibration.log_losses(samples)),
        "Brier score": mean(calibration.brier_scores(samples)),
    }
    found |= {f"F1, class {n}": confusion.f1_of_classes(matrices)[:, n] for n in classes}
    ranked = [
        Ranking.of_draws(samples.is_true(n), samples.scores[:, n], samples.unit, draws)
        if samples.is_true(n).any()
        else None
        for n in classes
    ]
    is_positive = np.concatenate([samples.is_true(n) for n in classes])
    every = Ranking.of_draws(is_positive, samples.scores.T.ravel(), np.tile(samples.unit, len(classes)), draws)
    areas: tuple[tuple[str, Callable[[Ranking], np.ndarray]], ...] = (
        ("AUC", Ranking.auc),
        ("average precision", Ranking.average_precision),
    )
    for name, area in areas:
        parts = [area(part) if part else np.full(len(draws), np.nan) for part in ranked]
        found |= {f"{name}, class {n}": part for n, part in enumerate(parts)}
        found |= {f"{name}, macro": np.mean(parts, axis=0), f"{name}, micro": area(every)}
    for n, share in enumerate(design.shares):
        is_true, called = samples.is_true(n), samples.scores[:, n] >= share
        found[f"sensitivity, class {n}"] = mean(called.astype(float), is_true)
        found[f"specificity, class {n}"] = mean((~called).astype(float), ~is_true)
        found[f"precision, class {n}"] = mean(is_true.astype(float), called)
        found[f"negative predictive value, class {n}"] = mean((~is_true).astype(float), ~called)
    named = {name: _percentiles(statistics) for name, statistics in found.items()}
    return named | {f"DeLong, class {n}": _delong(samples.is_true(n), samples.scores[:, n]) for n in classes}


def _draws(samples: Samples, random: np.random.Generator, count: int = 2000) -> np.ndarray:
    matrix = np.zeros((samples.units, len(samples.classes)))
    np.add.at(matrix, (samples.unit, samples.true), 1)
    strata = matrix.argmax(axis=1)
    sizes = np.bincount(strata, minlength=len(samples.classes))
    strata = np.where(sizes[strata] > 1, strata, sizes.argmax())
    draws = np.zeros((count, samples.units))
    for stratum in np.unique(strata):
        members = np.flatnonzero(strata == stratum)
        draws[:, members] = random.multinomial(len(members), np.full(len(members), 1 / len(members)), size=count)
    return draws


def _percentiles(statistics: np.ndarray) -> Interval:
    computable = statistics[np.isfinite(statistics)]
    if not len(computable) or np.ptp(computable) < 1e-12:
        return None
    lower, upper = np.quantile(computable, [0.025, 0.975])
    return float(lower), float(upper)


def _delong(is_positive: np.ndarray, scores: np.ndarray) -> Interval:
    x, y = scores[is_positive], scores[~is_positive]
    if min(len(x), len(y)) < 2:
        return None
    won = (x[:, None] > y) + 0.5 * (x[:, None] == y)
    variance = won.mean(axis=1).var(ddof=1) / len(x) + won.mean(axis=0).var(ddof=1) / len(y)
    reach = NormalDist().inv_cdf(0.975) * variance**0.5
    return (max(0.0, won.mean() - reach), min(1.0, won.mean() + reach)) if variance else None


@dataclass(frozen=True)
class Coverage:
    """Of the intervals of a metric over many cohorts: share that holds the truth, mean width, share that is missing."""

    held: float
    width: float
    missing: float


def coverage(found: list[Mapping[str, Interval]], truth: Mapping[str, float]) -> dict[str, Coverage]:
    """Of each metric; a missing interval holds nothing."""
    result = {}
    for name in found[0]:
        true = truth[name.replace("DeLong", "AUC")]
        own = [cohort[name] for cohort in found]
        given = [interval for interval in own if interval]
        held = sum(lower <= true <= upper for lower, upper in given) / len(own)
        width = float(np.mean([upper - lower for lower, upper in given])) if given else np.nan
        result[name] = Coverage(held, width, 1 - len(given) / len(own))
    return result


def simulate(
    design: Design, patients: int, cohorts: int, truth: Mapping[str, float], *, before: bool = False
) -> dict[str, dict[str, Coverage]]:
    """Coverage by way ("now", "before") and metric, over cohorts in which no class is absent."""
    random = np.random.default_rng(patients)
    found: dict[str, list[Mapping[str, Interval]]] = {"now": [], "before": []}
    while len(found["now"]) < cohorts:
        samples = draw(design, patients, random)
        if len(set(samples.true.tolist())) < len(design.shares):
            continue
        found["now"].append(intervals(samples, design))
        if before:
            found["before"].append(intervals_before(samples, design, seed=len(found["now"])))
    return {way: coverage(own, truth) for way, own in found.items() if own}


@click.command(help=__doc__)
@click.option("--design", type=click.Choice(list(DESIGNS)), default="moderate", show_default=True)
@click.option("--patients", multiple=True, type=int, default=(12, 30, 100), show_default=True)
@click.option("--cohorts", default=400, show_default=True, help="Simulated cohorts for each number of patients.")
@click.option("--before", is_flag=True, help="Add the intervals that were used before.")
def main(design: str, patients: tuple[int, ...], cohorts: int, before: bool) -> None:
    truth = true_values(DESIGNS[design])
    results: dict[tuple[int, str], dict[str, Coverage]] = {}
    for count in patients:
        for way, found in simulate(DESIGNS[design], count, cohorts, truth, before=before).items():
            results[count, way] = found
    click.echo(f"| {design} | true | " + " | ".join(f"{count} {way}" for count, way in results) + " |")
    click.echo("|---" * (2 + len(results)) + "|")
    for name in dict.fromkeys(name for found in results.values() for name in found):
        cells = [_cell(found.get(name)) for found in results.values()]
        true = truth[name.replace("DeLong", "AUC")]
        click.echo(f"| {name} | {true:.3f} | " + " | ".join(cells) + " |")


def _cell(found: Coverage | None) -> Any:
    if found is None or found.missing == 1:
        return "none"
    return f"{found.held:.3f} / {found.width:.2f}" + (f" ({found.missing:.0%} none)" if found.missing else "")


if __name__ == "__main__":
    main()
