"""From shares to labels: which class a tile is trained and judged as, or none."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.annotations.store import TileLabels, labels_path, read_labels
from slidemill.errors import SlidemillError
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store, store_paths

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
class AnnotatedTiles:
    """The classes of the tiles of a cohort by its annotations.

    Attributes:
        labels: folder of labels.
        tiles: folder of tile stores.
        classes: all classes of the config, in order.
        rule: what share of a tile makes its label.
        exclude: tiles with one of these flags are not used, and have no place here.
    """

    labels: Path
    tiles: Path
    classes: tuple[str, ...]
    rule: LabelRule
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
        path = labels_path(self.labels, slide_id)
        labels, store = read_labels(path), read_store(store_paths(self.tiles, slide_id)[1])
        if not np.array_equal(labels.coordinates, store.coordinates):
            raise StaleLabelsError(path, "other tiles than the tile store")
        used = store.is_used(self.exclude)
        if np.count_nonzero(used) != tile_count:
            raise StaleLabelsError(path, f"{np.count_nonzero(used)} tiles, and splits.tsv counts {tile_count}")
        return tile_classes(labels, self.classes, self.rule)[used]
