"""Which tiles of a split are drawn, so that no class, slide or patient outweighs the others."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Literal, get_args

import numpy as np

from slidemill.annotations.decide import NO_LABEL
from slidemill.errors import ConfigError
from slidemill.sampling import Sampling, draw_tiles
from slidemill.splits import SplitRow

BalanceMode = Literal["none", "undersample", "slide_cap", "patient_equal"]
BALANCE_MODES: tuple[BalanceMode, ...] = get_args(BalanceMode)

# Gives the class of each tile of a slide: (tiles,) int, its place in the config's list, or NO_LABEL.
LabelsOf = Callable[[SplitRow], np.ndarray]


@dataclass(frozen=True, slots=True)
class Balance:
    """How the train tiles are balanced. Tiles are always drawn without replacement.

    Attributes:
        mode: "none" takes all tiles; "undersample" as many of each class as the rarest class has; "slide_cap" at most
            `max_tiles_per_slide` of each slide; "patient_equal" as many of each patient as the patient with the fewest
            has.
        max_tiles_per_slide: the cap of "slide_cap".
    """

    mode: BalanceMode = "none"
    max_tiles_per_slide: int | None = None

    def __post_init__(self) -> None:
        if self.mode == "slide_cap" and (self.max_tiles_per_slide is None or self.max_tiles_per_slide < 1):
            raise ConfigError("shards.balance is slide_cap: set shards.max_tiles_per_slide to a number of at least 1.")


@dataclass(frozen=True, slots=True)
class SlideTiles:
    """The tiles of several slides, numbered through; four bytes name one of ten million tiles.

    Attributes:
        slides: the slides, in order.
        starts: (slides + 1,) int64, number of each slide's first tile, and at the end the number of all tiles.
        label: (tiles,) int16, the place of each tile's class in the config's list; NO_LABEL: the tile is not used.
        class_count: number of the config's classes.
        hard: numbers of the tiles that are drawn first, uint32.
    """

    slides: tuple[SplitRow, ...]
    starts: np.ndarray
    label: np.ndarray
    class_count: int
    hard: np.ndarray = field(default_factory=lambda: np.zeros(0, np.uint32))

    @classmethod
    def of(
        cls,
        slides: Sequence[SplitRow],
        classes: Sequence[str],
        labels_of: LabelsOf | None = None,
        sampling: Sampling | None = None,
    ) -> "SlideTiles":
        """Number the tiles of slides.

        Args:
            slides: in order.
            classes: the config's classes.
            labels_of: gives the class of each tile of a slide; None: all have the class of their slide.
            sampling: which of them are used; None for all that have a class.
        """
        counts = [slide.tile_count for slide in slides]
        label = np.empty(sum(counts), np.int16)
        starts = np.concatenate([np.zeros(1, np.int64), np.cumsum(counts, dtype=np.int64)])
        hard = [np.zeros(0, np.uint32)]
        for slide, start, end in zip(slides, starts[:-1], starts[1:], strict=True):
            label[start:end] = labels_of(slide) if labels_of else classes.index(slide.label)
            if sampling:
                label[start:end], of_slide = sampling.of_slide(slide.slide_id, label[start:end], tuple(classes))
                hard.append((start + of_slide).astype(np.uint32))
        return cls(tuple(slides), starts, label, len(classes), np.concatenate(hard))

    def slide_of(self, tiles: np.ndarray) -> np.ndarray:
        """Index of the slide of each tile."""
        return (np.searchsorted(self.starts, tiles, side="right") - 1).astype(np.int32)

    def used_of(self, slides: Sequence[int]) -> np.ndarray:
        """The numbers of the tiles of slides that have a label, uint32."""
        numbers = [np.zeros(0, np.uint32)]
        for slide in slides:
            start, end = self.starts[slide], self.starts[slide + 1]
            numbers.append(np.arange(start, end, dtype=np.uint32)[self.label[start:end] != NO_LABEL])
        return np.concatenate(numbers)

    def of_class(self, number: int) -> np.ndarray:
        """The numbers of the tiles of a class, uint32."""
        return np.flatnonzero(self.label == number).astype(np.uint32)

    def used_counts(self) -> np.ndarray:
        """(slides,) int64: tiles of each slide that have a label."""
        used = np.concatenate([[0], np.cumsum(self.label != NO_LABEL, dtype=np.uint32)])
        return np.diff(used[self.starts].astype(np.int64))

    def class_counts(self) -> np.ndarray:
        """(classes,) int64: tiles of each class."""
        return np.array([np.count_nonzero(self.label == number) for number in range(self.class_count)], np.int64)


def draw(tiles: SlideTiles, balance: Balance, random: np.random.Generator, hard_share: float = 0.0) -> np.ndarray:
    """Draw the tiles of a split, uint32, in no particular order; those without a label are never drawn.

    Args:
        tiles: of the split.
        balance: how many of which.
        random: what draws.
        hard_share: greatest share of hard tiles in what is drawn of a group that has more than its limit.
    """
    groups = _groups(tiles, balance.mode)
    limit = _limit(balance, [group.size for group in groups])
    drawn = [np.zeros(0, np.uint32)]
    drawn += [draw_tiles(group.members(), limit, tiles.hard, hard_share, random) for group in groups]
    return np.concatenate(drawn)


@dataclass(frozen=True, slots=True)
class _Group:
    """Tiles that share one limit: how many, and what gives their numbers, so that one group is in memory at a time."""

    size: int
    members: Callable[[], np.ndarray]


def _groups(tiles: SlideTiles, mode: BalanceMode) -> list[_Group]:
    if mode == "undersample":
        # A class without tiles is a group as well: nothing can then be drawn in balance.
        return [
            _Group(size, partial(tiles.of_class, number)) for number, size in enumerate(tiles.class_counts().tolist())
        ]
    counts = tiles.used_counts()
    return [_Group(int(counts[slides].sum()), partial(tiles.used_of, slides)) for slides in _slide_groups(tiles, mode)]


def _slide_groups(tiles: SlideTiles, mode: BalanceMode) -> list[list[int]]:
    """Indexes of the slides that share one limit."""
    numbers = range(len(tiles.slides))
    if mode == "none":
        return [list(numbers)]
    if mode == "slide_cap":
        return [[number] for number in numbers]
    by_patient: dict[str, list[int]] = {name: [] for name in sorted({slide.patient_id for slide in tiles.slides})}
    for number, slide in enumerate(tiles.slides):
        by_patient[slide.patient_id].append(number)
    return list(by_patient.values())


def _limit(balance: Balance, sizes: Sequence[int]) -> int:
    if balance.mode == "none":
        return sum(sizes)
    if balance.mode == "slide_cap":
        assert balance.max_tiles_per_slide is not None  # noqa: S101 - checked in Balance
        return balance.max_tiles_per_slide
    return min(sizes, default=0)
