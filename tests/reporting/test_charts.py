from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from slidemill.reporting.charts import nice_ticks, training_charts
from slidemill.reporting.result_charts import froc_chart, roc_chart


@given(highest=st.floats(1e-6, 1e6))
def test_ticks_are_even_and_reach_the_highest_value(highest):
    ticks = nice_ticks(highest)
    steps = [b - a for a, b in pairwise(ticks)]
    assert ticks[0] == 0
    assert ticks[-1] >= highest * (1 - 1e-6)
    assert 2 <= len(ticks) <= 8
    assert steps == pytest.approx([steps[0]] * len(steps))


@pytest.mark.parametrize(
    ("highest", "ticks"), [(1, [0, 0.2, 0.4, 0.6, 0.8, 1]), (1.1, [0, 0.2, 0.4, 0.6, 0.8, 1, 1.2])]
)
def test_ticks_by_hand(highest, ticks):
    assert nice_ticks(highest) == ticks


def _epoch(number, loss="0.5"):
    return {
        "epoch": str(number),
        "train_loss": "1.0",
        "train_accuracy": "0.5",
        "validation_loss": loss,
        "validation_accuracy": "0.5",
    }


def test_values_that_are_no_numbers_are_left_out():
    loss, accuracy = training_charts([[_epoch(1), _epoch(2, "nan"), _epoch(3, "")]])
    assert [len(line.points) for line in loss.lines] == [3, 1]
    assert [len(line.points) for line in accuracy.lines] == [3, 3]


def test_one_epoch_is_a_chart_and_none_is_not():
    assert len(training_charts([[_epoch(1)]])) == 2
    assert training_charts([]) == []


def test_each_fold_has_its_lines():
    loss, _ = training_charts([[_epoch(1), _epoch(2)], [_epoch(1), _epoch(2), _epoch(3)]])
    assert [(line.name, len(line.points)) for line in loss.lines] == [
        ("training", 2),
        ("training", 3),
        ("validation", 2),
        ("validation", 3),
    ]


def test_points_lie_in_the_plotting_area():
    for chart in training_charts([[_epoch(1), _epoch(2)]]):
        for x, y in (point for line in chart.lines for point in line.points):
            assert chart.area.left <= x <= chart.area.right
            assert chart.area.top <= y <= chart.area.bottom


def test_a_class_without_a_curve_is_left_out():
    band = {"at": [0, 1], "lower": [0, 0.5], "upper": [1, 1]}
    curve = {"false_positive_rate": [0, 0, 1], "true_positive_rate": [0, 1, 1], "band_95": band}
    metrics = {"classes": ["a", "b"], "slide": {"roc": {"a": None, "b": curve}}}
    chart = roc_chart(metrics)
    assert [(line.name, line.style) for line in chart.lines] == [("chance", "chance"), ("b", "class-1")]
    assert len(chart.bands[0].points) == 4
    metrics["slide"]["roc"]["b"] = None
    assert roc_chart(metrics) is None


def test_strengths_of_a_penalty_stand_in_equal_steps_of_powers_of_ten():
    rows = [{"l2": l2, "train_loss": "0.5", "validation_loss": "0.6"} for l2 in ("1", "0.1", "0.01")]
    loss, _ = training_charts([rows])
    assert loss.x_label == "strength"
    assert [label for _, label in loss.x_ticks] == ["1", "0.1", "0.01"]
    first, second, third = (place for place, _ in loss.x_ticks)
    assert second - first == pytest.approx(third - second)
    assert first < second
    assert [x for x, _ in loss.lines[0].points] == pytest.approx([first, second, third])


@pytest.mark.parametrize(
    ("false_positives", "sensitivity", "last", "points"),
    [
        ([0, 0, 0], [0, 0.5, 1], 1, 4),  # nothing false: on to the right end, as high as it is
        ([0, 0.5, 2, 9], [0, 0.25, 0.5, 1], 0.9, 4),  # what lies beyond the right end is not drawn
        ([0, 8], [0, 0.75], 0.75, 2),
    ],
)
def test_a_froc_curve_ends_at_the_highest_number_of_false_positives(false_positives, sensitivity, last, points):
    curve = {"false_positives": false_positives, "sensitivity": sensitivity}
    variants = {"interpolated": {"sensitivity": [0.1, last]}}
    chart = froc_chart({"class": "tumour", "targets": [1, 8], "curve": curve, "variants": variants})
    (line,) = chart.lines
    assert len(line.points) == points
    x, y = line.points[-1]
    assert x == chart.area.right
    assert y == pytest.approx(chart.area.bottom - last * (chart.area.bottom - chart.area.top))
    assert [label for _, label in chart.x_ticks] == ["0", "1", "8"]
