import numpy as np
import pytest
from sklearn import metrics as reference

from slidemill.evaluation.metrics import ScoredSlides, slide_metrics
from slidemill.evaluation.slides_table import SlideRow

CLASSES = ("LUAD", "LUSC", "Normal")


def _row(number, label, scores, patient=None):
    predicted = CLASSES[int(np.argmax(scores))]
    return SlideRow(
        slide_id=f"s{number}",
        patient_id=patient or f"p{number}",
        site="",
        label=label,
        predicted=predicted,
        scores=dict(zip(CLASSES, scores, strict=True)),
        majority=predicted,
        majority_fraction=1.0,
        tile_count=9,
        status="usable",
        reason="",
    )


def _random_rows(slides, seed):
    random = np.random.default_rng(seed)
    labels = random.choice(CLASSES, slides)
    scores = random.dirichlet(np.ones(3), slides) + 0.3 * np.eye(3)[[CLASSES.index(name) for name in labels]]
    return [_row(number, str(labels[number]), scores[number], f"p{number // 2}") for number in range(slides)]


def _metrics(rows, seed=1):
    return slide_metrics(ScoredSlides.of(rows, CLASSES, seed))


@pytest.mark.parametrize("seed", range(3))
def test_metrics_are_those_of_scikit_learn(seed):
    rows = _random_rows(60, seed)
    found = _metrics(rows)
    true, predicted = [row.label for row in rows], [row.predicted for row in rows]
    scores = np.array([list(row.scores.values()) for row in rows])
    assert found["accuracy"]["value"] == pytest.approx(reference.accuracy_score(true, predicted))
    assert found["balanced_accuracy"]["value"] == pytest.approx(reference.balanced_accuracy_score(true, predicted))
    assert found["confusion"] == reference.confusion_matrix(true, predicted, labels=CLASSES).tolist()
    areas = [reference.roc_auc_score(np.array(true) == name, scores[:, i]) for i, name in enumerate(CLASSES)]
    assert [found["auc"]["per_class"][name]["value"] for name in CLASSES] == pytest.approx(areas)
    assert found["auc"]["macro"]["value"] == pytest.approx(np.mean(areas))


def test_every_interval_holds_its_value():
    found = _metrics(_random_rows(60, 4))
    estimates = [found["accuracy"], found["balanced_accuracy"], found["auc"]["macro"]]
    for estimate in [*estimates, *found["auc"]["per_class"].values()]:
        lower, upper = estimate["interval_95"]
        assert 0 <= lower <= estimate["value"] <= upper <= 1


def test_the_seed_decides_the_intervals_and_nothing_else():
    rows = _random_rows(30, 5)
    assert _metrics(rows) == _metrics(rows)
    one, other = _metrics(rows, seed=1)["auc"]["macro"], _metrics(rows, seed=2)["auc"]["macro"]
    assert one["value"] == other["value"]
    assert one["interval_95"] != other["interval_95"]


def test_copies_of_a_patients_slide_do_not_narrow_the_interval():
    rows = _random_rows(40, 6)
    once = [_row(n, row.label, list(row.scores.values())) for n, row in enumerate(rows)]
    twice = [_row(n, row.label, list(row.scores.values()), f"p{n % 40}") for n, row in enumerate(rows + rows)]
    assert _metrics(twice)["accuracy"] == _metrics(once)["accuracy"]


def test_a_class_without_slides_is_not_computable():
    rows = [_row(0, "LUAD", [0.8, 0.1, 0.1]), _row(1, "LUSC", [0.1, 0.8, 0.1]), _row(2, "LUSC", [0.7, 0.2, 0.1])]
    found = _metrics(rows)
    nothing = {"value": None, "interval_95": None, "draws": 0}
    assert found["auc"]["per_class"]["Normal"] == found["auc"]["macro"] == found["balanced_accuracy"] == nothing
    assert found["roc"]["Normal"] is None
    assert found["auc"]["per_class"]["LUAD"]["value"] == 1.0
    assert found["confusion"] == [[1, 0, 0], [1, 1, 0], [0, 0, 0]]


def test_a_single_class_has_no_auc():
    found = _metrics([_row(n, "LUAD", [0.8, 0.1, 0.1]) for n in range(3)])
    assert [area["value"] for area in found["auc"]["per_class"].values()] == [None, None, None]
    assert found["accuracy"] == {"value": 1.0, "interval_95": None, "draws": 2000}


def test_no_scored_slide_gives_no_number():
    found = _metrics([])
    assert found["accuracy"]["value"] is None
    assert found["confusion"] == [[0, 0, 0]] * 3


def test_a_roc_curve_by_hand():
    rows = [
        _row(0, "LUAD", [0.9, 0.1, 0]),
        _row(1, "LUSC", [0.6, 0.3, 0.1]),
        _row(2, "LUAD", [0.5, 0.3, 0.2]),
        _row(3, "Normal", [0.1, 0.2, 0.7]),
    ]
    curve = _metrics(rows)["roc"]["LUAD"]
    corners = list(zip(curve["false_positive_rate"], curve["true_positive_rate"], strict=True))
    assert corners == [(0, 0), (0, 0.5), (0.5, 0.5), (0.5, 1), (1, 1)]
