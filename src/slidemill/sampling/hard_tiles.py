"""A list of hard tiles: those that an earlier model got wrong, by their places on slides.

A table with the columns slide_id, x and y, and others that are passed over; separated by tabs, or by commas where its
name ends in .csv. A place is the top left corner of a tile or any other point of it, in level-0 pixels.
"""

import csv
import logging
import math
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_summary, read_used_coordinates, store_paths

_COLUMNS = ("slide_id", "x", "y")
_HAIR = 1e-6  # of a level-0 pixel
_log = logging.getLogger(__name__)


class HardTilesError(SlidemillError):
    """A list of hard tiles that cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(path, problem)
        self.path = path
        self.problem = problem

    def __str__(self) -> str:
        return f"{self.path}, the list of hard negatives: {self.problem}"


@dataclass(frozen=True, slots=True)
class HardTiles:
    """Hard tiles of a cohort.

    Attributes:
        places: (places, 2) float64 of each slide that has some, x and y, level-0 pixels.
        tiles: folder of the tile stores.
        exclude: tiles with one of these flags are not used.
    """

    places: Mapping[str, np.ndarray]
    tiles: Path
    exclude: Collection[QualityFlag] = ()

    def of_slide(self, slide_id: str) -> np.ndarray:
        """The hard ones among the used tiles of a slide: (hard tiles,) int64, their places in its store, ascending.

        Raises:
            ZarrZipError: the tile store is missing or damaged.
        """
        if slide_id not in self.places:
            return np.zeros(0, np.int64)
        store = store_paths(self.tiles, slide_id)[1]
        coordinates, extent = read_used_coordinates(store, self.exclude), int(read_summary(store).tile_extent)
        found = tiles_at(self.places[slide_id], coordinates, extent)
        missed = int(np.count_nonzero(found < 0))
        if missed:
            _log.warning("%s: %d of %d hard negatives lie on no tile that is used", slide_id, missed, len(found))
        return np.unique(found[found >= 0])


def read_hard_tiles(path: Path, tiles: Path, exclude: Collection[QualityFlag] = ()) -> HardTiles:
    """Read a list.

    Raises:
        HardTilesError: it is missing, has no such columns, or a place is no pair of numbers.
    """
    by_slide: dict[str, list[tuple[float, float]]] = {}
    try:
        for slide_id, x, y in _rows(path):
            by_slide.setdefault(slide_id, []).append((x, y))
    except (FileNotFoundError, IsADirectoryError):
        raise HardTilesError(path, "there is no such file. Correct sampling.hard_negatives.") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise HardTilesError(path, f"it is no table ({error}). Write one with slide_id, x and y.") from error
    return HardTiles({slide_id: np.array(own, np.float64) for slide_id, own in by_slide.items()}, tiles, exclude)


def tiles_at(places: np.ndarray, coordinates: np.ndarray, extent: int) -> np.ndarray:
    """Which tile each place names: the one of which it is the corner, else one in which it lies.

    Args:
        places: (places, 2), level-0 pixels.
        coordinates: (tiles, 2), top left corners.
        extent: side of a tile.
    Returns:
        (places,) int64, -1 where there is none.
    """
    if not len(coordinates):
        return np.full(len(places), -1, np.int64)
    from scipy.spatial import KDTree

    corners = np.asarray(coordinates, np.float64)
    to_corner, of_corner = KDTree(corners).query(places)
    # A hair aside, so that a place on the edge of two tiles lies in the right or lower one.
    to_centre, of_centre = KDTree(corners + extent / 2).query(places + _HAIR, p=math.inf)
    inside = np.where(to_centre <= extent / 2, of_centre, -1)
    return np.where(to_corner == 0, of_corner, inside)


def _rows(path: Path) -> Iterator[tuple[str, float, float]]:
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file, delimiter="," if path.suffix.lower() == ".csv" else "\t")
        missing = [name for name in _COLUMNS if name not in (reader.fieldnames or ())]
        if missing:
            separator = "commas" if path.suffix.lower() == ".csv" else "tabs"
            raise HardTilesError(
                path, f"it has no column {', '.join(missing)}. Write slide_id, x and y, separated by {separator}."
            )
        for row in reader:
            try:
                x, y = float(row["x"]), float(row["y"])
            except (TypeError, ValueError):
                x = y = math.nan
            if not (math.isfinite(x) and math.isfinite(y)):
                raise HardTilesError(path, f"line {reader.line_num}: x and y are no numbers of pixels. Correct them.")
            yield row["slide_id"], x, y
