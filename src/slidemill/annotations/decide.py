"""From shares to labels: which class a tile is trained and judged as, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.annotations.store import TileLabels, labels_path, read_labels
from slidemill.errors import SlidemillError
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_used_coordinates, store_paths

NO_LABEL = -1


class StaleLabelsError(SlidemillError):
    """Labels that are not those of the tiles that are used."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(path, what)
        self.path = path
        self.what = what

    def __str__(self) -> str:
        return f"{self.path}: it has labels of {self.what}. Delete it and run again."


@dataclass(frozen=True, slots=True)
class LabelRule:
    """What share of a tile makes its label.

    Attributes:
        at_least: share of the tile that a class has to cover.
        rest: class of the tiles that no annotated class touches; None: they have no label.
        rest_at_most: share of the tile that annotated classes may cover together for it to count as the rest.
    """

    at_least: float
    rest: str | None
    rest_at_most: float = 0.0


def tile_classes(labels: TileLabels, classes: Sequence[str], rule: LabelRule) -> np.ndarray:
    """The class of each tile of a slide.

    A tile belongs to the class that covers most of it, if that is `at_least`; of equals, to the first. What is neither
    that nor the rest is ambiguous and has no label; where not all is annotated, nothing is the rest.

    Args:
        labels: of a slide.
        classes: all classes of the config, in order.
        rule: as the config has it.
    Returns:
        (tiles,) int64, the place of the class in `classes`, or NO_LABEL.
    """
    chosen = np.full(len(labels.coverage), NO_LABEL, np.int64)
    if labels.coverage.shape[1]:
        places = np.array([classes.index(name) for name in labels.classes])
        best = labels.coverage.argmax(axis=1)
        enough = labels.coverage.max(axis=1) >= np.float32(rule.at_least)
        chosen[enough] = places[best[enough]]
    if rule.rest is not None and labels.exhaustive:
        untouched = labels.coverage.sum(axis=1) <= rule.rest_at_most
        chosen[untouched & (chosen == NO_LABEL)] = classes.index(rule.rest)
    return chosen


@dataclass(frozen=True, slots=True)
class DecidedLabels:
    """Labels of the tiles of a cohort, with what decides which class they make.

    Attributes:
        folder: of the labels.
        classes: all classes of the config, in order.
        rule: what share of a tile makes its label.
    """

    folder: Path
    classes: tuple[str, ...]
    rule: LabelRule

    def of_tiles(self, slide_id: str, coordinates: np.ndarray) -> np.ndarray:
        """The class of tiles of a slide, in the order in which they are given: (tiles,) int64, or NO_LABEL.

        Args:
            slide_id: the slide.
            coordinates: (tiles, 2), level-0 pixels, top left corners; all of its tiles or some.
        Raises:
            ZarrZipError: the labels are missing or damaged.
            StaleLabelsError: there is a tile that has no place in the labels.
        """
        path = labels_path(self.folder, slide_id)
        labels = read_labels(path)
        rows = _rows_of(coordinates, labels.coordinates)
        if rows is None:
            raise StaleLabelsError(path, "other tiles than those that are used")
        return tile_classes(labels, self.classes, self.rule)[rows]


@dataclass(frozen=True, slots=True)
class AnnotatedTiles:
    """The classes of the used tiles of a cohort by its annotations.

    Attributes:
        labels: of all its tiles.
        tiles: folder of tile stores.
        exclude: tiles with one of these flags are not used, and have no place here.
    """

    labels: DecidedLabels
    tiles: Path
    exclude: tuple[QualityFlag, ...]

    def of_slide(self, slide_id: str, tile_count: int) -> np.ndarray:
        """The class of each used tile of a slide, in the order of its store: (tiles,) int64, or NO_LABEL.

        Args:
            slide_id: the slide.
            tile_count: number of its used tiles by splits.tsv.
        Raises:
            ZarrZipError: a file is missing or damaged.
            StaleLabelsError: the labels are those of other tiles.
        """
        used = read_used_coordinates(store_paths(self.tiles, slide_id)[1], self.exclude)
        if len(used) != tile_count:
            path = labels_path(self.labels.folder, slide_id)
            raise StaleLabelsError(path, f"{len(used)} tiles, and splits.tsv counts {tile_count}")
        return self.labels.of_tiles(slide_id, used)


def _rows_of(wanted: np.ndarray, known: np.ndarray) -> np.ndarray | None:
    """Where each of (tiles, 2) places stands among others; None if one of them is not there."""
    if np.array_equal(wanted, known):
        return np.arange(len(known))
    if not len(wanted) or not len(known):
        return None if len(wanted) else np.zeros(0, np.int64)
    keys, wanted_keys = (places[:, 0] << 32 | places[:, 1] for places in (known, wanted))
    order = np.argsort(keys)
    rows = order[np.searchsorted(keys, wanted_keys, sorter=order).clip(max=len(keys) - 1)]
    return rows if np.array_equal(keys[rows], wanted_keys) else None
