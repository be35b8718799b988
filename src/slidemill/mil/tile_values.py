"""What a model takes of tiles: their features, held in memory once for all ranks of a machine, or read slide by slide.

Features stay as they are stored, two bytes a number. Where they fit into memory, one rank of each machine writes those
of a split to one file, and all ranks of the machine map it: the pages are in memory once, in the cache of the system,
which can also give them up. A file is laid out by the rows of splits.tsv, so that any rank knows the place of a slide.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import numpy as np

from slidemill.features.checks import FeaturesMismatchError, encoder_facts, refuse_other_encoder, refuse_other_tiles
from slidemill.features.store import FeatureStore, FeatureSummary, features_path, read_feature_summary, read_features
from slidemill.splits.table import SplitRow
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store, store_paths


class TileValues(Protocol):
    """What gives the tiles of the slides of `Bags.slides`."""

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        """The values of tiles of a slide, in the order of its tile store.

        Args:
            place: of the slide in `Bags.slides`.
            chosen: (n,) int64, which of its used tiles, in rising order; None for all.

        Returns:
            (n, ...), such as (n, dimension) float16 features.
        """


@dataclass(frozen=True, slots=True)
class FeatureFiles:
    """The features of slides, read from their files and checked.

    Attributes:
        slides: rows of splits.tsv.
        features: folder of the features of one encoder.
        tiles: folder of the tile stores.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        expected: facts that all features have to agree with; empty: those of the first slide.
        of: whose facts these are, for errors.
    """

    slides: Sequence[SplitRow]
    features: Path
    tiles: Path
    exclude: Collection[QualityFlag] = ()
    expected: dict[str, object] = field(default_factory=dict)
    of: str = ""

    def summary(self) -> FeatureSummary:
        """What the features of the first slide say of themselves."""
        return read_feature_summary(features_path(self.features, self.slides[0].slide_id))

    def like_the_first(self) -> "FeatureFiles":
        """The same, where all features have to agree with those of the first slide."""
        return FeatureFiles(
            self.slides, self.features, self.tiles, self.exclude, encoder_facts(self.summary()), self.slides[0].slide_id
        )

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        """Read a slide's features; see `TileValues`.

        Raises:
            FeaturesMismatchError: they are not of the tiles of their store or of splits.tsv, of another encoder, or not
                finite.
            ZarrZipError: a file is missing or damaged.
        """
        row = self.slides[place]
        path = features_path(self.features, row.slide_id)
        store, own = read_store(store_paths(self.tiles, row.slide_id)[1]), read_features(path)
        refuse_other_encoder(path, own.summary, self.expected, self.of)
        refuse_other_tiles(path, own.coordinates, store.coordinates)
        is_used = store.is_used(self.exclude)
        if np.count_nonzero(is_used) != row.tile_count:
            reason = f"{np.count_nonzero(is_used)} of its tiles are used, and {row.tile_count} by splits.tsv"
            raise FeaturesMismatchError(path, reason, "Run assign_splits again")
        refuse_not_finite(path, own, is_used)
        used = own.features[is_used]
        return used if chosen is None else used[chosen]


def refuse_not_finite(path: Path, store: FeatureStore, is_used: np.ndarray) -> None:
    """Refuse features that are no numbers: one of them makes everything that is learned no number.

    Raises:
        FeaturesMismatchError: it names the slide and the first such tile.
    """
    # Sums of float16 in float32 are finite if all terms are, and take no copy of the features.
    wrong = np.flatnonzero(~np.isfinite(store.features.sum(axis=1, dtype=np.float32)) & is_used)
    if len(wrong):
        tile = int(wrong[0])
        x, y = store.coordinates[tile].tolist()
        more = f", and of {len(wrong) - 1} more," if len(wrong) > 1 else ""
        reason = f"slide {store.summary.slide_id}: the features of tile {tile} at ({x}, {y}){more} are not finite"
        raise FeaturesMismatchError(path, reason, "Delete the file and run again to extract them anew")


@dataclass(frozen=True, slots=True)
class MappedTiles:
    """The values of all tiles of a split in one array.

    Attributes:
        values: (tiles, ...), slide after slide.
        starts: (slides + 1,) int64, where each slide begins, and the end.
    """

    values: np.ndarray
    starts: np.ndarray

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        """See `TileValues`."""
        own = self.values[self.starts[place] : self.starts[place + 1]]
        return own if chosen is None else own[chosen]

    @classmethod
    def open(cls, path: Path, slides: Sequence[SplitRow], dimension: int) -> "MappedTiles":
        """Map a file that `append_tiles` wrote of all these slides."""
        starts = _starts(slides)
        return cls(np.memmap(path, np.float16, mode="r", shape=(int(starts[-1]), dimension)), starts)


def append_tiles(path: Path, source: FeatureFiles, places: Iterable[int], dimension: int) -> None:
    """Write the features of slides behind those that a file has; memory holds those of one slide.

    Raises:
        FeaturesMismatchError, ZarrZipError: as `FeatureFiles.of_slide`.
    """
    with path.open("ab") as file:
        # Not through a map: a disk that is full then is an error, and not the end of the process.
        for place in places:
            file.write(np.ascontiguousarray(source.of_slide(place), np.float16).reshape(-1, dimension).data)


def mapped_bytes(slides: Sequence[SplitRow], dimension: int) -> int:
    """Size of the file that `append_tiles` writes of all of them."""
    return int(_starts(slides)[-1]) * dimension * np.dtype(np.float16).itemsize


def _starts(slides: Sequence[SplitRow]) -> np.ndarray:
    return np.concatenate([[0], np.cumsum([row.tile_count for row in slides])]).astype(np.int64)
