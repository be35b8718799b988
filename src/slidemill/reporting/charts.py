"""Line charts as geometry, which the template draws as SVG in the colours of the page."""

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

_MAX_TICKS = 6


@dataclass(frozen=True, slots=True)
class Area:
    """Edges of the plotting area, in the units of the SVG; around it is room for the labels."""

    left: int
    right: int
    top: int
    bottom: int

    @property
    def width(self) -> int:
        """Of the whole SVG."""
        return self.right + 12

    @property
    def height(self) -> int:
        """Of the whole SVG."""
        return self.bottom + 44

    @property
    def is_square(self) -> bool:
        """Whether both axes have the same length."""
        return self.right - self.left == self.bottom - self.top


_WIDE = Area(left=52, right=412, top=12, bottom=232)
_SQUARE = Area(left=52, right=352, top=12, bottom=312)


@dataclass(frozen=True, slots=True)
class Line:
    """A line in the plotting area.

    Attributes:
        name: for the legend.
        style: its CSS class, which gives colour and dashes.
        points: x and y in the units of the SVG.
        has_dots: whether every point is marked, so that a single one can be seen.
    """

    name: str
    style: str
    points: list[tuple[float, float]]
    has_dots: bool

    @property
    def path(self) -> str:
        """The points as the SVG attribute."""
        return " ".join(f"{x:.1f},{y:.1f}" for x, y in self.points)


@dataclass(frozen=True, slots=True)
class Chart:
    """A chart; ticks are pairs of a place in the SVG and a label."""

    title: str
    description: str
    area: Area
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]


@dataclass(frozen=True, slots=True)
class _Scale:
    """Maps values from `low` to `high` to places from `start` to `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, values: Iterable[float]) -> list[tuple[float, str]]:
        return [(self(value), f"{value:g}") for value in values]


def roc_chart(metrics: Mapping[str, Any]) -> Chart | None:
    """ROC curves of each class against the rest; None when no class has one.

    Args:
        metrics: of metrics.json.
    """
    curves = {name: metrics["slide"]["roc"][name] for name in metrics["classes"]}
    if not any(curves.values()):
        return None
    x, y = _scales(_SQUARE, (0, 1), (0, 1))
    diagonal = Line("chance", "chance", _placed(x, y, [0, 1], [0, 1]), has_dots=False)
    fifths = [0, 0.2, 0.4, 0.6, 0.8, 1]
    return Chart(
        title="ROC curves",
        description=f"true over false positive rate, against the rest, of {', '.join(filter(curves.get, curves))}",
        area=_SQUARE,
        x_label="false positive rate",
        y_label="true positive rate",
        x_ticks=x.ticks(fifths),
        y_ticks=y.ticks(fifths),
        lines=[diagonal, *_roc_lines(x, y, curves)],
    )


def training_charts(history: Sequence[Mapping[str, str]]) -> list[Chart]:
    """Loss and accuracy over the epochs; none when nothing was trained.

    Args:
        history: the rows of history.tsv.
    """
    if not history:
        return []
    losses = _column(history, "train_loss") + _column(history, "validation_loss")
    highest_loss = max((loss for loss in losses if math.isfinite(loss)), default=1.0)
    return [_training_chart(history, "loss", highest_loss), _training_chart(history, "accuracy", 1.0)]


def nice_ticks(highest: float) -> list[float]:
    """From 0 in equal steps of 1, 2 or 5 times a power of ten up to `highest` or beyond, at most six steps."""
    rough = max(highest, 1e-9) / _MAX_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [round(number * step, 12) for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _roc_lines(x: _Scale, y: _Scale, curves: Mapping[str, Any]) -> Iterator[Line]:
    for place, (name, curve) in enumerate(curves.items()):
        if curve:
            points = _placed(x, y, curve["false_positive_rate"], curve["true_positive_rate"])
            yield Line(name, f"class-{place}", points, has_dots=False)


def _training_chart(history: Sequence[Mapping[str, str]], quantity: str, highest: float) -> Chart:
    epochs = _column(history, "epoch")
    y_ticks = nice_ticks(highest)
    x, y = _scales(_WIDE, (min(epochs), max(max(epochs), min(epochs) + 1)), (0, y_ticks[-1]))
    every = math.ceil(len(epochs) / 10)
    lines = [
        Line(name, name, _placed(x, y, epochs, _column(history, f"{column}_{quantity}")), has_dots=True)
        for column, name in (("train", "training"), ("validation", "validation"))
    ]
    return Chart(
        title=quantity.capitalize(),
        description=f"{quantity} over the epochs, on the training and on the validation tiles",
        area=_WIDE,
        x_label="epoch",
        y_label=quantity,
        x_ticks=x.ticks(epochs[::every]),
        y_ticks=y.ticks(y_ticks),
        lines=lines,
    )


def _placed(x: _Scale, y: _Scale, xs: Iterable[float], ys: Iterable[float]) -> list[tuple[float, float]]:
    """Points in the units of the SVG, without those that are not numbers."""
    return [(x(a), y(b)) for a, b in zip(xs, ys, strict=True) if math.isfinite(b)]


def _column(history: Sequence[Mapping[str, str]], name: str) -> list[float]:
    return [float(row.get(name) or "nan") for row in history]


def _scales(area: Area, xs: tuple[float, float], ys: tuple[float, float]) -> tuple[_Scale, _Scale]:
    return _Scale(*xs, area.left, area.right), _Scale(*ys, area.bottom, area.top)
