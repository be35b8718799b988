"""How often the 95% interval of the quadratic kappa holds the truth, on drawn cohorts of grades.

    python benchmarks/quadratic_kappa.py

Grades are about as frequent as in PANDA. A prediction is off by a normal error, half of it the patient's; the truth is
the kappa of two million slides.
"""

import click
import numpy as np

from slidemill.evaluation import confusion
from slidemill.evaluation.intervals import Range, effective_units, wilson_interval
from slidemill.evaluation.jackknife import jackknife_matrix
from slidemill.evaluation.samples import Samples

SHARES = np.array([0.27, 0.25, 0.13, 0.12, 0.12, 0.11])
CLASSES = tuple(f"isup_{grade}" for grade in range(len(SHARES)))
COHORTS = ((20, 1), (50, 1), (100, 1), (100, 2), (400, 1))  # slides, and slides of a patient
ERRORS = (0.4, 0.8, 1.6)  # in grades
MANY = 2_000_000


def drawn(random: np.random.Generator, slides: int, of_patient: int, error: float) -> Samples:
    patients = slides // of_patient
    true = np.repeat(random.choice(len(SHARES), patients, p=SHARES), of_patient)
    shared = np.repeat(random.normal(size=patients), of_patient)
    off = (shared + random.normal(size=slides)) * error * 0.7
    predicted = np.clip(np.rint(true + off), 0, len(SHARES) - 1).astype(np.int64)
    unit = np.repeat(np.arange(patients), of_patient)
    return Samples(CLASSES, unit, true, predicted, np.zeros((slides, len(CLASSES))), is_ordered=True)


@click.command(help=__doc__)
@click.option("--cohorts", type=int, default=1500, show_default=True, help="Of each kind.")
def main(cohorts: int) -> None:
    for error in ERRORS:
        truth = float(confusion.quadratic_kappa(confusion.confusion_matrix(drawn(_random(0), MANY, 1, error))))
        for slides, of_patient in COHORTS:
            held, width = 0, 0.0
            for number in range(1, cohorts + 1):
                samples = drawn(_random(number), slides, of_patient, error)
                found = jackknife_matrix(confusion.confusion_of_units(samples), confusion.quadratic_kappa)
                unanimous = effective_units(samples.unit)
                interval = wilson_interval(found, unanimous, bounds=Range(-1.0, 1.0))
                if interval is not None:
                    held += interval[0] <= truth <= interval[1]
                    width += interval[1] - interval[0]
            told = f"{slides} slides of {slides // of_patient} patients"
            print(f"kappa {truth:.3f}, {told}: holds it {held / cohorts:.3f}, width {width / cohorts:.3f}", flush=True)


def _random(seed: int) -> np.random.Generator:
    return np.random.default_rng(seed)


if __name__ == "__main__":
    main()
