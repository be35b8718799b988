"""ROC, precision-recall and reliability curves of metrics.json as charts."""

from collections.abc import Mapping
from typing import Any

from slidemill.reporting.charts import SQUARE, Chart, Line, Scale, placed, scales

_FIFTHS = [0, 0.2, 0.4, 0.6, 0.8, 1]


def roc_chart(metrics: Mapping[str, Any]) -> Chart | None:
    """ROC curves of each class against the rest, with their bands; None when no class has one.

    Args:
        metrics: of metrics.json.
    """
    diagonal = ([0.0, 1.0], [0.0, 1.0])
    curves = _curves(metrics, "roc", "false_positive_rate", "true_positive_rate")
    return _chart("ROC curves", "false positive rate", "true positive rate", curves, chance=diagonal)


def precision_recall_chart(metrics: Mapping[str, Any]) -> Chart | None:
    """Precision over recall of each class against the rest, with their bands; None when no class has a curve."""
    curves = _curves(metrics, "precision_recall", "recall", "precision")
    for curve in filter(None, curves.values()):
        curve["x"], curve["y"] = [0.0, *curve["x"]], [curve["y"][0], *curve["y"]]
    return _chart("Precision-recall curves", "recall", "precision", curves, chance=None)


def calibration_chart(metrics: Mapping[str, Any]) -> Chart | None:
    """Accuracy over the score of the predicted class, in ten bins; None without scored slides."""
    curve = metrics["slide"]["calibration"]
    bins = [(x, y) for x, y in zip(curve["score"], curve["accuracy"], strict=True) if x is not None]
    if not bins:
        return None
    xs, ys = zip(*bins, strict=True)
    x, y = scales(SQUARE, (0, 1), (0, 1))
    return Chart(
        title="Reliability",
        description="share of right slides over the score of the predicted class",
        area=SQUARE,
        x_label="score of the predicted class",
        y_label="share of right slides",
        x_ticks=x.ticks(_FIFTHS),
        y_ticks=y.ticks(_FIFTHS),
        lines=[
            Line("perfect", "chance", placed(x, y, [0, 1], [0, 1]), has_dots=False),
            Line("slides", "validation", placed(x, y, xs, ys), has_dots=True),
        ],
    )


def froc_chart(froc: Mapping[str, Any]) -> Chart:
    """Sensitivity over false positives a slide, up to the greatest target, of froc.json."""
    highest = froc["targets"][-1]
    curve = froc["curve"]
    x, y = scales(SQUARE, (0, highest), (0, 1))
    points = [
        (false, sensitivity)
        for false, sensitivity in zip(curve["false_positives"], curve["sensitivity"], strict=True)
        if false < highest
    ]
    # To the right end, where sensitivity is read off as well: on the way to the next point, or as high as the last.
    has_dots = len(points) < 30
    points.append((highest, froc["variants"]["interpolated"]["sensitivity"][-1]))
    return Chart(
        title="FROC curve",
        description=f"share of the lesions of {froc['class']} that are found, over false positives a slide",
        area=SQUARE,
        x_label="false positives a slide",
        y_label="lesions found",
        x_ticks=x.ticks([0, *(target for target in froc["targets"] if target >= highest / 8)]),
        y_ticks=y.ticks(_FIFTHS),
        lines=[Line(froc["class"], "validation", placed(x, y, *zip(*points, strict=True)), has_dots=has_dots)],
    )


def _curves(metrics: Mapping[str, Any], kind: str, x_name: str, y_name: str) -> dict[str, dict[str, Any] | None]:
    found = {name: metrics["slide"][kind][name] for name in metrics["classes"]}
    return {
        name: {"x": curve[x_name], "y": curve[y_name], "band": curve["band_95"]} if curve else None
        for name, curve in found.items()
    }


def _chart(
    title: str,
    x_label: str,
    y_label: str,
    curves: Mapping[str, dict[str, Any] | None],
    chance: tuple[list[float], list[float]] | None,
) -> Chart | None:
    if not any(curves.values()):
        return None
    x, y = scales(SQUARE, (0, 1), (0, 1))
    drawn = [(place, name, curve) for place, (name, curve) in enumerate(curves.items()) if curve]
    diagonal = [Line("chance", "chance", placed(x, y, *chance), has_dots=False)] if chance else []
    classes = [
        Line(name, f"class-{place}", placed(x, y, curve["x"], curve["y"]), has_dots=False)
        for place, name, curve in drawn
    ]
    return Chart(
        title=title,
        description=f"{y_label} over {x_label}, against the rest, of {', '.join(name for _, name, _ in drawn)}",
        area=SQUARE,
        x_label=x_label,
        y_label=y_label,
        x_ticks=x.ticks(_FIFTHS),
        y_ticks=y.ticks(_FIFTHS),
        lines=[*diagonal, *classes],
        bands=[_band(x, y, name, place, curve["band"]) for place, name, curve in drawn if curve["band"]],
    )


def _band(x: Scale, y: Scale, name: str, place: int, band: Mapping[str, list[float]]) -> Line:
    there = placed(x, y, band["at"], band["lower"])
    back = placed(x, y, band["at"][::-1], band["upper"][::-1])
    return Line(name, f"class-{place}", there + back, has_dots=False)
