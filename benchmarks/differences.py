"""How often intervals of paired differences hold the true one, and how often p is below 0.05, by simulation.

    .venv/bin/python benchmarks/differences.py [--patients 12 --patients 30] [--cohorts 200]

Two models score the same slides of the population `moderate` of benchmarks/coverage.py, each with noise of its own:
equally much, so that nothing differs, or one more than the other. Printed is, for each metric, the share of the cohorts
whose interval holds the true difference (from 24,000 patients), and the share in which p is below 0.05.
"""

import click
import numpy as np
from coverage import DESIGNS

from slidemill.evaluation.paired import difference, numbers
from slidemill.evaluation.samples import Samples

CASES = {"equal": (0.5, 0.5), "worse": (0.3, 0.8)}
DESIGN = DESIGNS["moderate"]
NAMES = ("0", "1", "2")


def draw_pair(patients: int, noises: tuple[float, float], random: np.random.Generator) -> list[Samples]:
    """The same slides by two models; noise is in standard deviations of a slide's latent scores, half of it shared."""
    classes = len(DESIGN.shares)
    true = random.choice(classes, size=patients, p=DESIGN.shares)
    unit = np.repeat(np.arange(patients), random.integers(1, 5, size=patients))

    def clustered() -> np.ndarray:
        shared = random.normal(size=(patients, classes))[unit]
        return (shared + random.normal(size=(len(unit), classes))) * 0.5**0.5

    latent = DESIGN.distance * np.eye(classes)[true[unit]] + clustered()
    found = []
    for noise in noises:
        logits = (latent + noise * clustered()) * DESIGN.distance / (1 + noise**2) + np.log(DESIGN.shares)
        scores = np.exp(logits - logits.max(axis=1, keepdims=True))
        scores /= scores.sum(axis=1, keepdims=True)
        found.append(Samples(NAMES, unit, true[unit], scores.argmax(axis=1), scores))
    return found


def compared(pair: list[Samples]) -> dict[str, dict]:
    """Differences at thresholds that are the shares of the classes."""
    shares = dict(zip(NAMES, DESIGN.shares, strict=True))
    one, other = (numbers(model, {n: np.full(len(model), share) for n, share in shares.items()}) for model in pair)
    return {name: difference(one[name], other[name]) for name in one}


@click.command(help=__doc__)
@click.option("--patients", multiple=True, type=int, default=(12, 30, 100), show_default=True)
@click.option("--cohorts", default=200, show_default=True, help="Simulated cohorts for each number of patients.")
def main(patients: tuple[int, ...], cohorts: int) -> None:
    table: dict[str, list[str]] = {}
    for noises in CASES.values():
        truth: dict[str, list[float]] = {}
        for number in range(6 if len(set(noises)) > 1 else 0):
            for name, found in compared(draw_pair(4000, noises, np.random.default_rng(1000 + number))).items():
                truth.setdefault(name, []).append(found["difference"])
        for count in patients:
            random = np.random.default_rng(count)
            drawn = [compared(draw_pair(count, noises, random)) for _ in range(cohorts)]
            for name in drawn[0]:
                own = [found[name] for found in drawn if found[name]["interval_95"]]
                true = float(np.mean(truth.get(name, [0.0])))
                held = np.mean([found["interval_95"][0] <= true <= found["interval_95"][1] for found in own])
                below = np.mean([found["p_value"] < 0.05 for found in own])
                table.setdefault(name, []).append(f"{held:.2f}, {below:.2f}")
    heads = [f"{case} {count}" for case in CASES for count in patients]
    click.echo("| metric | " + " | ".join(heads) + " |\n" + "|---" * (1 + len(heads)) + "|")
    for name, cells in table.items():
        click.echo(f"| {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
