"""Pictures side by side with a title, labels and a legend, as PNG; every picture keeps its exact pixels."""

import functools
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, findfont, get_font

from slidemill.atomic import atomic_path

_DPI = 100
_MAX_COLUMNS = 4
_MIN_WIDTH = 760
_LETTER_WIDTH = 0.62  # of a bold letter, as a share of its height; on average
_INK = "#1a1a1a"
_FAINT_INK = "#555555"


@dataclass(frozen=True, slots=True)
class Panel:
    """A picture, (height, width, 3) uint8 RGB, and the line above it."""

    label: str
    picture: np.ndarray


@dataclass(frozen=True, slots=True)
class Legend:
    """What stands below the panels.

    Attributes:
        scale_px: length of the scale bar in pixels of the picture.
        scale_text: what that is on the tissue.
        colours: (height, width, 3) uint8 RGB, the colour bar.
        colours_text: what the colours say.
        note: one more line.
    """

    scale_px: int
    scale_text: str
    colours: np.ndarray
    colours_text: str
    note: str


@dataclass(frozen=True, slots=True)
class _Layout:
    """Where things stand, in pixels from the top left. Text grows with the figure, to stay legible in any window."""

    panel_width: int
    panel_height: int
    panels: int
    longest_label: int

    @property
    def columns(self) -> int:
        return max(1, min(self.panels, _MAX_COLUMNS))

    @property
    def rows(self) -> int:
        return -(-self.panels // self.columns)

    @property
    def text(self) -> int:
        return max(14, self.columns * self.panel_width // 90)

    @property
    def gap(self) -> int:
        return self.text

    @property
    def column_width(self) -> int:
        """Room for the picture and for the label above it, whichever is wider."""
        return max(self.panel_width, round(_LETTER_WIDTH * self.text * self.longest_label)) + self.gap

    @property
    def width(self) -> int:
        return max(_MIN_WIDTH, self.columns * self.column_width + self.gap)

    def header(self, lines: int) -> int:
        return self.gap + round(1.5 * self.text * (lines + 1)) + self.gap // 2

    @property
    def row_height(self) -> int:
        return self.panel_height + 2 * self.text + self.gap // 2

    @property
    def footer(self) -> int:
        return 4 * self.text

    def corner(self, place: int, header: int) -> tuple[int, int]:
        row, column = divmod(place, self.columns)
        left = self.gap + column * self.column_width
        return left, header + row * self.row_height + 2 * self.text


def draw_panels(path: Path, title: str, subtitle: str, panels: Sequence[Panel], legend: Legend | None) -> None:
    """Write a PNG with the panels in rows of up to four, atomically.

    Args:
        path: the PNG.
        title, subtitle: the lines above the panels; a long subtitle is wrapped.
        panels: all of one size; there may be none.
        legend: below the panels; None for none.
    """
    _Drawing(title, subtitle, panels, legend).save(path)


class _Drawing:
    """One figure with the origin at the top left and pixels as its unit."""

    def __init__(self, title: str, subtitle: str, panels: Sequence[Panel], legend: Legend | None) -> None:
        height, width = panels[0].picture.shape[:2] if panels else (0, 0)
        longest_label = max((len(_drawable(panel.label, "bold")) for panel in panels), default=0)
        self.layout = _Layout(width, height, len(panels), longest_label)
        lines = textwrap.wrap(subtitle, width=round(1.7 * self.layout.width / self.layout.text))
        header = self.layout.header(len(lines))
        body = header + self.layout.rows * self.layout.row_height
        self.height = body + (self.layout.footer if legend else self.layout.gap)
        self.figure = Figure(figsize=(self.layout.width / _DPI, self.height / _DPI), dpi=_DPI, facecolor="white")
        self._write_header(title, lines)
        for place, panel in enumerate(panels):
            self._add_panel(panel, *self.layout.corner(place, header))
        if legend:
            self._add_legend(legend, body)

    def save(self, path: Path) -> None:
        with atomic_path(path) as temporary:
            self.figure.savefig(temporary, format="png", dpi=_DPI, metadata={"Software": None})

    def _write_header(self, title: str, lines: Sequence[str]) -> None:
        gap, text = self.layout.gap, self.layout.text
        self._write(title, gap, gap, size=1.2 * text, weight="bold")
        for number, line in enumerate(lines, start=1):
            self._write(line, gap, gap + round(1.55 * text * number), size=text)

    def _add_panel(self, panel: Panel, left: int, top: int) -> None:
        text = self.layout.text
        self._write(panel.label, left, top - round(1.5 * text), size=text, weight="bold")
        self._paste(panel.picture, left, top)

    def _add_legend(self, legend: Legend, top: int) -> None:
        gap, text = self.layout.gap, self.layout.text
        bar = np.zeros((max(3, text // 4), legend.scale_px, 3), np.uint8)
        self._paste(bar, gap, top + text // 2)
        self._write(legend.scale_text, gap, top + text, size=text)
        middle = gap + self.layout.column_width
        self._paste(legend.colours, middle, top + text // 2)
        bottom = top + text // 2 + len(legend.colours) + text // 3
        self._write("0", middle, bottom, size=text)
        self._write("1", middle + legend.colours.shape[1], bottom, size=text, align="right")
        beside = middle + legend.colours.shape[1] + gap
        self._write(legend.colours_text, beside, top + text // 2, size=text)
        self._write(legend.note, beside, top + 2 * text, size=text, colour=_FAINT_INK)

    def _paste(self, picture: np.ndarray, left: int, top: int) -> None:
        # figimage copies pixels one to one; imshow would resample them. It counts from the bottom.
        self.figure.figimage(picture, xo=left, yo=self.height - top - len(picture), origin="upper")

    def _write(
        self,
        text: str,
        left: int,
        top: int,
        *,
        size: float,
        weight: str = "normal",
        colour: str = _INK,
        align: str = "left",
    ) -> None:
        self.figure.text(
            left / self.layout.width,
            1 - top / self.height,
            _drawable(text, weight),
            fontsize=size * 72 / _DPI,
            fontweight=weight,
            color=colour,
            ha=align,
            va="top",
            parse_math=False,  # a slide name may hold a dollar sign
        )


def _drawable(text: str, weight: str) -> str:
    """The text with the numbers of letters for which the font has no picture, such as (U+80BA), in their place."""
    letters = _letters_of_font(weight)
    return "".join(letter if ord(letter) in letters else f"(U+{ord(letter):04X})" for letter in text)


@functools.cache
def _letters_of_font(weight: str) -> frozenset[int]:
    return frozenset(get_font(findfont(FontProperties(weight=weight))).get_charmap())
