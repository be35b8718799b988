"""Bags in memory."""

from collections.abc import Sequence

import numpy as np

from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.tile_values import MappedTiles
from slidemill.splits import SplitRow

CLASSES = ("A", "B", "C")


def row(slide_id: str, tiles: int, *, label: str = "A", patient: str | None = None) -> SplitRow:
    status = "usable" if tiles else "set_aside"
    return SplitRow(slide_id, patient or f"of {slide_id}", label, "", "train", tiles, status, "")


def drawn_bags(counts: Sequence[int], labels: Sequence[int] | None = None) -> Bags:
    """A bag for each slide."""
    classes = labels if labels is not None else [number % len(CLASSES) for number in range(len(counts))]
    rows = [row(f"S{place:04d}", count, label=CLASSES[classes[place]]) for place, count in enumerate(counts)]
    return bags_of(rows, CLASSES, bag="slide")


def numbered_tiles(bags: Bags) -> MappedTiles:
    """Tiles whose one value is their place among all, from 1 on."""
    starts = np.concatenate([[0], np.cumsum([slide.tile_count for slide in bags.slides])])
    return MappedTiles(np.arange(1, starts[-1] + 1, dtype=np.float32)[:, None], starts)
