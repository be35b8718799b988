"""Line charts as geometry, which the template draws as SVG in the colours of the page."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

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


WIDE = Area(left=52, right=412, top=12, bottom=232)
SQUARE = Area(left=52, right=352, top=12, bottom=312)


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
    """A chart; ticks are pairs of a place in the SVG and a label, bands are closed outlines behind the lines."""

    title: str
    description: str
    area: Area
    x_label: str
    y_label: str
    x_ticks: list[tuple[float, str]]
    y_ticks: list[tuple[float, str]]
    lines: list[Line]
    bands: list[Line] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Scale:
    """Maps values from `low` to `high` to places from `start` to `end` in the SVG."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Place of a value."""
        return self.start + (value - self.low) / (self.high - self.low) * (self.end - self.start)

    def ticks(self, values: Iterable[float]) -> list[tuple[float, str]]:
        """Places of values, with their labels."""
        return [(self(value), f"{value:g}") for value in values]


History = Sequence[Mapping[str, str]]
"""The rows of history.tsv."""


@dataclass(frozen=True, slots=True)
class Progress:
    """What the rows of a history follow each other by.

    Attributes:
        name: of one row, such as "epoch".
        places: of the rows on an axis.
        labels: of these places.
    """

    name: str
    places: list[float]
    labels: list[str]


def progress(history: History) -> Progress:
    """The epochs of a history; or the strengths of the penalty, weaker to the right, on a scale of powers of ten."""
    if history and "l2" in history[0]:
        strengths = _column(history, "l2")
        return Progress("strength", [-math.log10(l2) for l2 in strengths], [f"{l2:g}" for l2 in strengths])
    epochs = _column(history, "epoch")
    return Progress("epoch", epochs, [f"{epoch:g}" for epoch in epochs])


def training_charts(histories: Sequence[History]) -> list[Chart]:
    """Loss and accuracy over the epochs, or over the strengths that were tried; none when nothing was trained.

    Args:
        histories: of each fold, or one.
    """
    if not histories:
        return []
    losses = [
        loss for history in histories for name in ("train", "validation") for loss in _column(history, f"{name}_loss")
    ]
    highest_loss = max((loss for loss in losses if math.isfinite(loss)), default=1.0)
    return [_training_chart(histories, "loss", highest_loss), _training_chart(histories, "accuracy", 1.0)]


def nice_ticks(highest: float) -> list[float]:
    """From 0 in equal steps of 1, 2 or 5 times a power of ten up to `highest` or beyond, at most six steps."""
    rough = max(highest, 1e-9) / _MAX_TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough * (1 - 1e-9))
    return [round(number * step, 12) for number in range(math.ceil(highest / step - 1e-9) + 1)]


def _training_chart(histories: Sequence[History], quantity: str, highest: float) -> Chart:
    steps = [progress(history) for history in histories]
    longest = max(steps, key=lambda own: len(own.places))
    y_ticks = nice_ticks(highest)
    x, y = scales(WIDE, (min(longest.places), max(max(longest.places), min(longest.places) + 1)), (0, y_ticks[-1]))
    every = math.ceil(len(longest.places) / 10)
    lines = [
        Line(
            name,
            name,
            placed(x, y, own.places, _column(history, f"{column}_{quantity}")),
            has_dots=len(histories) == 1,
        )
        for column, name in (("train", "training"), ("validation", "validation"))
        for history, own in zip(histories, steps, strict=True)
    ]
    return Chart(
        title=quantity.capitalize(),
        description=f"{quantity} over each {longest.name}, on the training and on the validation tiles",
        area=WIDE,
        x_label=longest.name,
        y_label=quantity,
        x_ticks=[(x(place), label) for place, label in zip(longest.places, longest.labels, strict=True)][::every],
        y_ticks=y.ticks(y_ticks),
        lines=lines,
    )


def placed(x: Scale, y: Scale, xs: Iterable[float], ys: Iterable[float]) -> list[tuple[float, float]]:
    """Points in the units of the SVG, without those that are not numbers."""
    return [(x(a), y(b)) for a, b in zip(xs, ys, strict=True) if math.isfinite(b)]


def _column(history: History, name: str) -> list[float]:
    return [float(row.get(name) or "nan") for row in history]


def scales(area: Area, xs: tuple[float, float], ys: tuple[float, float]) -> tuple[Scale, Scale]:
    """Scales of the x and y axes for these ranges of values."""
    return Scale(*xs, area.left, area.right), Scale(*ys, area.bottom, area.top)
