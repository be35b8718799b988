"""Draw tiles of a class without replacement; hard ones come first, up to a share."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from slidemill.annotations.decide import NO_LABEL
from slidemill.sampling.hard_tiles import HardTiles
from slidemill.seeds import generator


@dataclass(frozen=True, slots=True)
class Sampling:
    """Which train tiles are used, of those that have a class.

    Attributes:
        tiles_per_slide: most tiles that a slide gives of each class; a class that is not named has no limit.
        hard: tiles that are drawn first; None for none.
        hard_share: greatest share of what is drawn that they take, while there are others.
        seed: the config's seed.
    """

    tiles_per_slide: Mapping[str, int] = field(default_factory=dict)
    hard: HardTiles | None = None
    hard_share: float = 0.5
    seed: int = 0

    def of_slide(self, slide_id: str, labels: np.ndarray, classes: tuple[str, ...]) -> tuple[np.ndarray, np.ndarray]:
        """The tiles of a train slide that are used.

        What is drawn depends on the seed and the slide alone.

        Args:
            slide_id: the slide.
            labels: (tiles,) int64, the class of each used tile, or NO_LABEL.
            classes: all classes of the config, in order.
        Returns:
            labels with NO_LABEL for each tile that is not drawn; and (hard tiles,) int64, the places of the hard ones
            that are.
        Raises:
            ZarrZipError: the slide's tile store is missing or damaged.
        """
        hard = self.hard.of_slide(slide_id) if self.hard else np.zeros(0, np.int64)
        limits = {classes.index(name): limit for name, limit in self.tiles_per_slide.items()}
        random = generator(self.seed, "sampling", slide_id)
        drawn = sampled_labels(labels, limits, hard, self.hard_share, random)
        return drawn, hard[drawn[hard] != NO_LABEL]

    def facts(self) -> dict[str, Any]:
        """What plan.json and probe.json say of it."""
        listed = sum(map(len, self.hard.places.values())) if self.hard else 0
        return {"tiles_per_slide": dict(self.tiles_per_slide), "hard_listed": listed, "hard_share": self.hard_share}


def sampled_labels(
    labels: np.ndarray, limits: Mapping[int, int], hard: np.ndarray, hard_share: float, random: np.random.Generator
) -> np.ndarray:
    """Labels of which at most so many of each class are left.

    Args:
        labels: (tiles,) of a slide.
        limits: of a class's number; a class without has no limit.
        hard: (hard tiles,) places of the tiles that are drawn first.
        hard_share: as in `draw_tiles`.
        random: what draws.
    """
    left = labels.copy()
    for number in sorted(limits):
        own = np.flatnonzero(labels == number)
        left[own] = NO_LABEL
        left[draw_tiles(own, limits[number], hard, hard_share, random)] = number
    return left


def draw_tiles(
    tiles: np.ndarray, limit: int, hard: np.ndarray, hard_share: float, random: np.random.Generator
) -> np.ndarray:
    """Draw at most `limit` of different tiles, in no particular order; `tiles` is shuffled in place.

    Args:
        tiles: (tiles,) their numbers.
        limit: all are taken where there are no more.
        hard: numbers of tiles that are drawn first, also others than these.
        hard_share: greatest share of the limit that hard ones take; where there are too few others they fill the rest.
        random: what draws.
    """
    if len(tiles) <= limit:
        return tiles
    random.shuffle(tiles)
    if not len(hard):
        return tiles[:limit]
    is_hard = np.isin(tiles, hard)
    first, others = tiles[is_hard], tiles[~is_hard]
    share = max(int(limit * hard_share), limit - len(others))
    first = first[:share]
    return np.concatenate([first, others[: limit - len(first)]])
