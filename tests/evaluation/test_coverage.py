"""Intervals tell the truth: of many simulated cohorts, they hold the true value in 93 to 97 of 100."""

from statistics import NormalDist

import numpy as np
import pytest

from slidemill.evaluation.bootstrap import patient_draws, percentile_interval
from slidemill.evaluation.confusion import accuracy, confusion_draws
from slidemill.evaluation.delong import delong_interval
from slidemill.evaluation.ranking import Ranking
from slidemill.evaluation.samples import Samples

pytestmark = pytest.mark.slow

COHORTS = 500
POSITIVE, NEGATIVE = 40, 60  # patients, with two slides each
DISTANCE = 1.5  # between the means of the two classes' scores, in standard deviations
PATIENT_SHARE = 0.5  # of the variance: slides of a patient resemble each other


def simulated(random):
    """Slides of a cohort: patient, whether positive, and score."""
    patient = np.repeat(np.arange(POSITIVE + NEGATIVE), 2)
    is_positive = patient < POSITIVE
    of_patient = random.normal(size=POSITIVE + NEGATIVE)[patient] * PATIENT_SHARE**0.5
    of_slide = random.normal(size=len(patient)) * (1 - PATIENT_SHARE) ** 0.5
    return patient, is_positive, is_positive * DISTANCE + of_patient + of_slide


def test_95_percent_intervals_hold_the_true_value_in_93_to_97_percent():
    true_auc = NormalDist().cdf(DISTANCE / 2**0.5)
    true_accuracy = NormalDist().cdf(DISTANCE / 2)  # with the threshold half-way
    random = np.random.default_rng(1)
    held = {"auc": 0, "accuracy": 0, "delong": 0}
    strata = ["positive"] * POSITIVE + ["negative"] * NEGATIVE
    for cohort in range(COHORTS):
        patient, is_positive, scores = simulated(random)
        draws = patient_draws(strata, seed=cohort)
        intervals = {"auc": percentile_interval(Ranking.of_draws(is_positive, scores, patient, draws).auc())}
        called = (scores > DISTANCE / 2).astype(int)
        samples = Samples(("n", "p"), patient, is_positive.astype(int), called, np.zeros((len(scores), 2)))
        intervals["accuracy"] = percentile_interval(accuracy(confusion_draws(samples, draws)))
        first = np.arange(0, len(scores), 2)  # DeLong takes samples as independent: one slide of each patient
        area = Ranking.of(is_positive[first], scores[first]).auc()[0]
        intervals["delong"] = delong_interval(area, is_positive[first], scores[first])
        for name, (lower, upper) in intervals.items():
            held[name] += lower <= (true_accuracy if name == "accuracy" else true_auc) <= upper
    shares = {name: count / COHORTS for name, count in held.items()}
    assert all(0.93 <= share <= 0.97 for share in shares.values()), shares
