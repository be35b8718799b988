from dataclasses import replace

import numpy as np
import pytest
from sklearn import metrics as reference

from slidemill.evaluation.bootstrap import unit_weights
from slidemill.evaluation.calibration import calibration_error, debiased_calibration_error
from slidemill.evaluation.curves import precision_recall_curves, roc_curves
from slidemill.evaluation.metrics import all_metrics, main_metrics, subgroup_metrics
from slidemill.evaluation.samples import Samples

CLASSES = ("LUAD", "LUSC", "Normal")


def samples_of(true, scores, patient=None):
    scores = np.array(scores, float).reshape(-1, 3)
    patient = np.arange(len(scores)) if patient is None else np.asarray(patient, dtype=np.int64)
    return Samples(CLASSES, patient, np.array(true, dtype=np.int64), scores.argmax(axis=1), scores)


def random_samples(count, seed):
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, count)
    scores = random.dirichlet(np.ones(3), count) + 0.3 * np.eye(3)[true]
    return samples_of(true, scores / scores.sum(axis=1, keepdims=True), np.arange(count) // 2)


def draws_of(samples, seed=1):
    return unit_weights(samples.units, seed)


@pytest.fixture(scope="module")
def sixty():
    samples = random_samples(60, 0)
    return samples, all_metrics(samples)


def test_class_metrics_are_those_of_scikit_learn(sixty):
    samples, found = sixty
    true, predicted = samples.true, samples.predicted
    assert found["accuracy"]["value"] == pytest.approx(reference.accuracy_score(true, predicted))
    assert found["balanced_accuracy"]["value"] == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert found["cohen_kappa"]["value"] == pytest.approx(reference.cohen_kappa_score(true, predicted))
    assert found["f1"]["macro"]["value"] == pytest.approx(reference.f1_score(true, predicted, average="macro"))
    assert found["f1"]["micro"]["value"] == pytest.approx(reference.f1_score(true, predicted, average="micro"))
    of_classes = [found["f1"]["per_class"][name]["value"] for name in CLASSES]
    assert of_classes == pytest.approx(reference.f1_score(true, predicted, average=None))
    assert found["confusion"] == reference.confusion_matrix(true, predicted, labels=range(3)).tolist()


def test_quadratic_kappa_of_grades_is_that_of_scikit_learn(sixty):
    samples, found = sixty
    assert "quadratic_kappa" not in found
    graded = replace(samples, is_ordered=True)
    for metrics in (all_metrics(graded), main_metrics(graded)):
        kappa = metrics["quadratic_kappa"]
        expected = reference.cohen_kappa_score(samples.true, samples.predicted, weights="quadratic")
        assert kappa["value"] == pytest.approx(expected)
        assert kappa["interval_95"][0] < expected < kappa["interval_95"][1]
    one_class = all_metrics(graded.take(samples.true == 1).renumbered())["quadratic_kappa"]
    assert one_class["value"] is None or one_class["value"] == 0


def test_mistakes_by_many_grades_count_more():
    true = [0, 1, 2] * 10
    near, far = [[*true[:27], 1, 1, 1], [*true[:27], 2, 1, 0]]
    kappas = []
    for predicted in (near, far):
        samples = replace(samples_of(true, np.eye(3)[predicted]), is_ordered=True)
        kappas.append(all_metrics(samples))
    assert kappas[0]["cohen_kappa"]["value"] == pytest.approx(kappas[1]["cohen_kappa"]["value"], abs=0.01)
    assert kappas[0]["quadratic_kappa"]["value"] > kappas[1]["quadratic_kappa"]["value"] + 0.05


@pytest.mark.parametrize(
    ("name", "area"), [("auc", reference.roc_auc_score), ("average_precision", reference.average_precision_score)]
)
def test_areas_are_those_of_scikit_learn(sixty, name, area):
    samples, found = sixty
    truth = np.eye(3)[samples.true]
    of_classes = [area(truth[:, place], samples.scores[:, place]) for place in range(3)]
    assert [found[name]["per_class"][c]["value"] for c in CLASSES] == pytest.approx(of_classes)
    assert found[name]["macro"]["value"] == pytest.approx(np.mean(of_classes))
    assert found[name]["micro"]["value"] == pytest.approx(area(truth.ravel(), samples.scores.ravel()))


def test_probability_metrics(sixty):
    samples, found = sixty
    assert found["log_loss"]["value"] == pytest.approx(reference.log_loss(samples.true, samples.scores))
    brier = ((samples.scores - np.eye(3)[samples.true]) ** 2).sum(axis=1).mean()
    assert found["brier"]["value"] == pytest.approx(brier)
    assert sum(found["calibration"]["count"]) == 60


def test_calibration_error_by_hand():
    samples = samples_of([0, 0, 1, 0], [[0.75, 0.25, 0], [0.75, 0.25, 0], [0.75, 0.25, 0], [0.5, 0.375, 0.125]])
    found = all_metrics(samples)
    expected = (3 * abs(0.75 - 2 / 3) + abs(0.5 - 1)) / 4
    assert found["expected_calibration_error"]["value"] == pytest.approx(expected)
    assert found["calibration"]["accuracy"][5] == 1
    assert found["calibration"]["accuracy"][7] == pytest.approx(2 / 3)
    assert found["calibration"]["accuracy"][0] is None


def test_every_interval_holds_its_value(sixty):
    _, found = sixty
    estimates = [found[name] for name in ("accuracy", "balanced_accuracy", "cohen_kappa", "log_loss", "brier")]
    for area in ("auc", "average_precision", "f1"):
        estimates += [found[area]["macro"], found[area]["micro"], *found[area]["per_class"].values()]
    for estimate in estimates:
        lower, upper = estimate["interval_95"]
        assert lower < estimate["value"] < upper
        assert estimate["reason"] is None


def test_calibration_errors_have_no_interval_and_say_why(sixty):
    _, found = sixty
    for name in ("expected_calibration_error", "calibration_error_debiased"):
        assert found[name]["interval_95"] is None
        assert "no interval" in found[name]["reason"]


def test_the_debiased_calibration_error_of_a_calibrated_model_is_near_zero_and_of_another_is_not():
    random = np.random.default_rng(2)
    errors = {1.0: [], 3.0: []}
    for sharper, found in errors.items():
        for _ in range(200):
            scores = random.dirichlet(np.ones(3) * 0.7, 40)
            true = (random.random((40, 1)) > scores.cumsum(axis=1)).sum(axis=1)  # classes come up as scores say
            scores = scores**sharper / (scores**sharper).sum(axis=1, keepdims=True)
            samples = samples_of(true, scores)
            found.append((calibration_error(samples), debiased_calibration_error(samples)))
    plain, debiased = np.mean(errors[1.0], axis=0)
    assert debiased < plain / 2
    assert np.mean(errors[3.0], axis=0)[1] > 0.1


def test_a_part_of_the_samples_has_the_intervals_of_a_cohort_of_its_own():
    samples = random_samples(40, 6)
    part = samples.take(samples.unit >= 8)
    alone = samples_of(part.true, part.scores, part.unit - 8)
    assert subgroup_metrics(part) == subgroup_metrics(alone)


def test_copies_of_a_patients_slide_do_not_narrow_the_interval():
    once = random_samples(40, 6)
    twice = samples_of(np.tile(once.true, 2), np.tile(once.scores, (2, 1)), np.tile(once.unit, 2))
    for name, found in subgroup_metrics(twice).items():
        assert found["interval_95"] == pytest.approx(subgroup_metrics(once)[name]["interval_95"])


def test_all_right_has_an_interval_in_every_metric():
    true = np.repeat([0, 1, 2], 10)
    found = all_metrics(samples_of(true, 0.1 + 0.7 * np.eye(3)[true] + np.linspace(0, 0.01, 30)[:, None]))
    for metric in (
        *(found[name] for name in ("accuracy", "balanced_accuracy", "cohen_kappa", "brier", "log_loss")),
        *(part for name in ("f1", "auc", "average_precision") for part in (found[name]["macro"], found[name]["micro"])),
        *(part for name in ("f1", "auc", "average_precision") for part in found[name]["per_class"].values()),
    ):
        lower, upper = metric["interval_95"]
        assert lower < upper
    assert found["accuracy"]["interval_95"] == pytest.approx([0.877, 1], abs=0.005)
    assert found["auc"]["macro"]["value"] == found["auc"]["macro"]["interval_95"][1] == 1
    assert 0.6 < found["auc"]["macro"]["interval_95"][0] < 0.95


def test_a_class_without_samples_is_not_computable():
    samples = samples_of([0, 1, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]])
    found = all_metrics(samples)
    nothing = {"value": None, "interval_95": None, "reason": "nothing of class Normal"}
    assert found["auc"]["per_class"]["Normal"] == nothing
    assert found["f1"]["per_class"]["Normal"] == nothing
    for averaged in (found["f1"]["macro"], found["auc"]["macro"], found["average_precision"]["macro"]):
        assert averaged["value"] is None
    assert found["balanced_accuracy"]["value"] is None
    assert found["auc"]["per_class"]["LUAD"]["value"] == 1.0
    assert found["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert roc_curves(samples, draws_of(samples))["Normal"] is None
    assert precision_recall_curves(samples, draws_of(samples))["Normal"] is None


def test_a_class_of_one_patient_counts_as_one_trial():
    samples = samples_of([0, 0, 1, 1, 2, 2], np.eye(3)[[0, 0, 1, 1, 2, 2]] * 0.8 + 0.1, [0, 1, 2, 3, 4, 4])
    found = all_metrics(samples)
    for name in ("auc", "average_precision", "f1"):
        lower, upper = found[name]["per_class"]["Normal"]["interval_95"]
        assert (lower < 0.3, upper) == (True, 1)
        lower, upper = found[name]["macro"]["interval_95"]
        assert (lower < 0.6, upper) == (True, 1)
    assert roc_curves(samples, draws_of(samples))["Normal"]["band_95"] is None


def test_a_single_class_has_no_auc():
    samples = samples_of([0, 0, 0], [[0.8, 0.1, 0.1]] * 3)
    found = all_metrics(samples)
    assert [area["value"] for area in found["auc"]["per_class"].values()] == [None, None, None]
    assert found["accuracy"]["value"] == 1.0
    lower, upper = found["accuracy"]["interval_95"]
    assert (lower < 0.2, upper) == (True, 1)  # three patients say next to nothing
    assert found["cohen_kappa"] == {"value": None, "interval_95": None, "reason": "everything is of one class"}


def test_one_patient_has_no_interval():
    found = all_metrics(samples_of([0, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1]], [0, 0]))
    assert found["accuracy"] == {"value": 1.0, "interval_95": None, "reason": "one patient only"}
    by_site = all_metrics(replace(samples_of([0], [[0.8, 0.1, 0.1]]), unit_name="site"))
    assert by_site["accuracy"]["reason"] == "one site only"


def test_nothing_gives_no_number():
    found = all_metrics(samples_of([], []))
    for name in ("accuracy", "log_loss", "calibration_error_debiased", "cohen_kappa"):
        assert found[name]["value"] is None
    assert found["auc"]["micro"]["value"] is None
    assert found["confusion"] == [[0, 0, 0]] * 3


def test_a_roc_curve_by_hand():
    samples = samples_of([0, 1, 0, 2], [[0.9, 0.1, 0], [0.6, 0.3, 0.1], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]])
    curve = roc_curves(samples, draws_of(samples))["LUAD"]
    corners = list(zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True))
    assert corners == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]


def test_bands_hold_the_curves():
    samples = random_samples(60, 7)
    for curves, x, y in (
        (roc_curves(samples, draws_of(samples)), "false_positive_rate", "true_positive_rate"),
        (precision_recall_curves(samples, draws_of(samples)), "recall", "precision"),
    ):
        curve = curves["LUSC"]
        band = curve["band_95"]
        lower, upper = np.array(band["lower"]), np.array(band["upper"])
        assert (lower <= upper).all()
        middle = np.interp(band["at"], curve[x], curve[y])
        assert np.mean((lower - 0.05 <= middle) & (middle <= upper + 0.05)) > 0.95
