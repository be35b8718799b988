"""The features of a split's tiles in memory, with the labels of their slides or of annotated regions.

Features stay as they are stored, two bytes a number: 1.3 million tiles of 1,536 numbers take 4 GB.
"""

import hashlib
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.annotations.decide import NO_LABEL, AnnotatedTiles
from slidemill.features.checks import FeaturesMismatchError, encoder_facts, refuse_other_encoder, refuse_other_tiles
from slidemill.features.store import FeatureSummary, features_path, read_features
from slidemill.probe.parameters import Balance
from slidemill.sampling import Sampling
from slidemill.splits import SplitRow
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store, store_paths


@dataclass(frozen=True, slots=True)
class LabelledTiles:
    """The tiles of a split.

    Attributes:
        features: (tiles, dimension) float16.
        labels: (tiles,) int64, class numbers.
        weights: (tiles,) float64, which add up to 1.
        slide_tiles: number of tiles of each slide, in order.
        class_tiles: number of tiles of each class.
    """

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray
    slide_tiles: dict[str, int]
    class_tiles: dict[str, int]

    def sha256(self) -> str:
        """Of features and labels, in order."""
        digest = hashlib.sha256(self.features.data)
        digest.update(self.labels.astype("<i8", copy=False).data)
        return digest.hexdigest()


def read_tiles(
    rows: Sequence[SplitRow],
    *,
    features: Path,
    tiles: Path,
    exclude: Collection[QualityFlag],
    classes: Sequence[str],
    balance: Balance,
    annotated: AnnotatedTiles | None = None,
    sampling: Sampling | None = None,
) -> tuple[LabelledTiles, FeatureSummary]:
    """Read the features of slides, slide by slide to their place in one array.

    Args:
        rows: of splits.tsv, the slides of one split.
        features: folder of the features of one encoder.
        tiles: folder of the tile stores.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        classes: in order.
        balance: how tiles weigh.
        annotated: gives the classes of tiles, of which those without one are left out; None: they have that of their
            slide.
        sampling: which of them are used; None for all that have a class.

    Returns:
        The tiles of the usable slides, in order of slide_id; and what the features say of themselves.

    Raises:
        FeaturesMismatchError: there are no tiles; or features are not of the tiles of their store, not all of one
            encoder, or not finite.
        ZarrZipError: a file is missing or damaged.
    """
    used = sorted((row for row in rows if row.tile_count), key=lambda row: row.slide_id)
    if not used:
        raise FeaturesMismatchError(features, "no slide of this split has tiles", "Give more slides")
    of_slide = [_labels(row, classes, annotated, sampling) for row in used]
    counts = [int(np.count_nonzero(labels != NO_LABEL)) for labels in of_slide]
    if not sum(counts):
        raise FeaturesMismatchError(features, "no tile of this split has a label", "Annotate more slides")
    ends = np.cumsum(counts)
    array, summary = np.zeros((0, 0), np.float16), None
    for end, labels, (summary, own) in zip(ends, of_slide, _features(used, features, tiles, exclude), strict=True):
        if not array.size:
            array = np.empty((int(ends[-1]), summary.dimension), np.float16)
        kept = labels != NO_LABEL
        array[end - np.count_nonzero(kept) : end] = own if kept.all() else own[kept]
    assert summary is not None  # noqa: S101 - there is a slide
    labels = np.concatenate([own[own != NO_LABEL] for own in of_slide])
    labelled = LabelledTiles(
        features=array,
        labels=labels,
        weights=_weights(used, counts, labels, balance),
        slide_tiles=dict(zip((row.slide_id for row in used), counts, strict=True)),
        class_tiles=dict(zip(classes, np.bincount(labels, minlength=len(classes)).tolist(), strict=True)),
    )
    return labelled, summary


def _labels(
    row: SplitRow, classes: Sequence[str], annotated: AnnotatedTiles | None, sampling: Sampling | None
) -> np.ndarray:
    """(tiles,) int64, the class of each used tile of a slide, or NO_LABEL."""
    if annotated is None:
        labels = np.full(row.tile_count, list(classes).index(row.label), np.int64)
    else:
        labels = annotated.of_slide(row.slide_id, row.tile_count)
    return sampling.of_slide(row.slide_id, labels, tuple(classes))[0] if sampling else labels


def _features(
    rows: Sequence[SplitRow], features: Path, tiles: Path, exclude: Collection[QualityFlag]
) -> Iterator[tuple[FeatureSummary, np.ndarray]]:
    common: dict[str, object] = {}
    for row in rows:
        path = features_path(features, row.slide_id)
        store, own = read_store(store_paths(tiles, row.slide_id)[1]), read_features(path)
        common = common or encoder_facts(own.summary)
        refuse_other_encoder(path, own.summary, common, rows[0].slide_id)
        refuse_other_tiles(path, own.coordinates, store.coordinates)
        used = own.features[store.is_used(exclude)]
        if len(used) != row.tile_count:
            reason = f"{len(used)} of its tiles are used, and {row.tile_count} by splits.tsv"
            raise FeaturesMismatchError(path, reason, "Run assign_splits again")
        if not np.isfinite(used).all():
            raise FeaturesMismatchError(path, "some of its numbers are not finite", "Delete it and run again")
        yield own.summary, used


def _weights(rows: Sequence[SplitRow], counts: Sequence[int], labels: np.ndarray, balance: Balance) -> np.ndarray:
    """The weight of each tile: groups weigh the same, and so do the tiles of one group."""
    patients = sorted({row.patient_id for row in rows})
    of_slide = {
        "none": [0 for _ in rows],
        "class": [0 for _ in rows],
        "slide": list(range(len(rows))),
        "patient": [patients.index(row.patient_id) for row in rows],
    }[balance]
    groups = labels if balance == "class" else np.repeat(of_slide, counts)
    tiles = np.bincount(groups)
    return np.asarray((1 / (np.count_nonzero(tiles) * tiles.clip(min=1)))[groups])
