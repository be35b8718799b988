"""Which tiles of a split are drawn, so that no class, slide or patient outweighs the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np

from slidemill.errors import ConfigError
from slidemill.splits import SplitRow

BalanceMode = Literal["none", "undersample", "slide_cap", "patient_equal"]
BALANCE_MODES: tuple[BalanceMode, ...] = get_args(BalanceMode)


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
    """

    slides: tuple[SplitRow, ...]
    starts: np.ndarray

    @classmethod
    def of(cls, slides: Sequence[SplitRow]) -> "SlideTiles":
        """Number the tiles of slides."""
        counts = np.array([slide.tile_count for slide in slides], np.int64)
        return cls(tuple(slides), np.concatenate([np.zeros(1, np.int64), np.cumsum(counts)]))

    def slide_of(self, tiles: np.ndarray) -> np.ndarray:
        """Index of the slide of each tile."""
        return (np.searchsorted(self.starts, tiles, side="right") - 1).astype(np.int32)

    def all_of(self, slide: int) -> np.ndarray:
        """The numbers of a slide's tiles, uint32."""
        return np.arange(self.starts[slide], self.starts[slide + 1], dtype=np.uint32)


def draw(tiles: SlideTiles, balance: Balance, classes: Sequence[str], random: np.random.Generator) -> np.ndarray:
    """Draw the tiles of a split, uint32, in no particular order."""
    groups = _groups(tiles.slides, balance.mode, classes)
    sizes = [sum(tiles.slides[number].tile_count for number in group) for group in groups]
    limit = _limit(balance, sizes)
    drawn = [np.zeros(0, np.uint32)]
    for group, size in zip(groups, sizes, strict=True):
        own = np.concatenate([np.zeros(0, np.uint32), *map(tiles.all_of, group)])
        if size > limit:
            random.shuffle(own)
        drawn.append(own[:limit])
    return np.concatenate(drawn)


def _groups(slides: Sequence[SplitRow], mode: BalanceMode, classes: Sequence[str]) -> list[list[int]]:
    """Indexes of the slides that share one limit."""
    if mode == "none":
        return [list(range(len(slides)))]
    if mode == "slide_cap":
        return [[number] for number in range(len(slides))]
    # A class without tiles is a group as well: nothing can then be drawn in balance.
    names: list[str] = list(classes) if mode == "undersample" else sorted({slide.patient_id for slide in slides})
    groups: dict[str, list[int]] = {name: [] for name in names}
    for number, slide in enumerate(slides):
        groups[slide.label if mode == "undersample" else slide.patient_id].append(number)
    return list(groups.values())


def _limit(balance: Balance, sizes: Sequence[int]) -> int:
    if balance.mode == "none":
        return sum(sizes)
    if balance.mode == "slide_cap":
        assert balance.max_tiles_per_slide is not None  # noqa: S101 - checked in Balance
        return balance.max_tiles_per_slide
    return min(sizes, default=0)
