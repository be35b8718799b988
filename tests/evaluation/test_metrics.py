import numpy as np
import pytest
from sklearn import metrics as reference

from slidemill.evaluation.bootstrap import patient_draws
from slidemill.evaluation.curves import precision_recall_curves, roc_curves
from slidemill.evaluation.metrics import all_metrics, main_metrics, subgroup_metrics
from slidemill.evaluation.samples import Samples

CLASSES = ("LUAD", "LUSC", "Normal")
NOTHING = {"value": None, "interval_95": None, "draws": 0}


def samples_of(true, scores, patient=None):
    scores = np.array(scores, float).reshape(-1, 3)
    patient = np.arange(len(scores)) if patient is None else np.asarray(patient)
    return Samples(CLASSES, patient, np.array(true, dtype=np.int64), scores.argmax(axis=1), scores)


def random_samples(count, seed):
    random = np.random.default_rng(seed)
    true = random.integers(0, 3, count)
    scores = random.dirichlet(np.ones(3), count) + 0.3 * np.eye(3)[true]
    return samples_of(true, scores / scores.sum(axis=1, keepdims=True), np.arange(count) // 2)


def draws_of(samples, seed=1):
    return patient_draws(["all"] * (1 + samples.patient.max(initial=-1)), seed)


@pytest.fixture(scope="module")
def sixty():
    samples = random_samples(60, 0)
    return samples, all_metrics(samples, draws_of(samples))


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
    found = all_metrics(samples, draws_of(samples))
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
        assert lower <= estimate["value"] <= upper
        assert estimate["draws"] == 2000
    lower, upper = found["auc"]["per_class"]["LUAD"]["delong_95"]
    assert 0 <= lower < found["auc"]["per_class"]["LUAD"]["value"] < upper <= 1


def test_draws_are_metrics_of_the_drawn_samples():
    """The vectorised statistics of a draw are those of the samples that were drawn, one by one."""
    samples = random_samples(40, 3)
    draw = patient_draws(["all"] * 20, 5, draws=1)
    chosen = np.repeat(np.arange(40), draw[0, samples.patient].astype(int))
    drawn = Samples(
        CLASSES,
        *(part[chosen] for part in (samples.patient, samples.true)),
        samples.predicted[chosen],
        samples.scores[chosen],
    )
    by_values = all_metrics(drawn, np.ones((1, 20)))
    for name in ("accuracy", "balanced_accuracy", "cohen_kappa", "log_loss", "brier", "expected_calibration_error"):
        # Two equal draws and a third make an interval whose lower or upper end is known; here: the mean of equal draws.
        estimate = all_metrics(samples, np.concatenate([draw, np.ones((1, 20))]))[name]
        low, high = sorted([by_values[name]["value"], all_metrics(samples, np.ones((1, 20)))[name]["value"]])
        assert estimate["interval_95"] == pytest.approx([low + 0.025 * (high - low), high - 0.025 * (high - low)])


def test_the_seed_decides_the_intervals_and_nothing_else():
    samples = random_samples(30, 5)
    one, same, other = (main_metrics(samples, draws_of(samples, seed)) for seed in (1, 1, 2))
    assert one == same
    assert one["auc_macro"]["value"] == other["auc_macro"]["value"]
    assert one["auc_macro"]["interval_95"] != other["auc_macro"]["interval_95"]


def test_copies_of_a_patients_slide_do_not_narrow_the_interval():
    once = random_samples(40, 6)
    twice = samples_of(np.tile(once.true, 2), np.tile(once.scores, (2, 1)), np.tile(once.patient, 2))
    assert subgroup_metrics(twice, draws_of(once)) == subgroup_metrics(once, draws_of(once))


def test_a_class_without_samples_is_not_computable():
    samples = samples_of([0, 1, 1], [[0.8, 0.1, 0.1], [0.1, 0.8, 0.1], [0.7, 0.2, 0.1]])
    found = all_metrics(samples, draws_of(samples))
    assert found["auc"]["per_class"]["Normal"] == NOTHING | {"delong_95": None}
    assert found["f1"]["per_class"]["Normal"] == found["f1"]["macro"] == NOTHING
    assert found["auc"]["macro"] == found["average_precision"]["macro"] == found["balanced_accuracy"] == NOTHING
    assert found["auc"]["per_class"]["LUAD"]["value"] == 1.0
    assert found["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]
    assert roc_curves(samples, draws_of(samples))["Normal"] is None
    assert precision_recall_curves(samples, draws_of(samples))["Normal"] is None


def test_a_single_class_has_no_auc():
    samples = samples_of([0, 0, 0], [[0.8, 0.1, 0.1]] * 3)
    found = all_metrics(samples, draws_of(samples))
    assert [area["value"] for area in found["auc"]["per_class"].values()] == [None, None, None]
    assert found["accuracy"] == {"value": 1.0, "interval_95": None, "draws": 2000}
    assert found["cohen_kappa"]["value"] is None


def test_nothing_gives_no_number():
    found = all_metrics(samples_of([], []), np.zeros((2000, 0)))
    assert found["accuracy"] == found["log_loss"] == found["auc"]["micro"] == NOTHING
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
