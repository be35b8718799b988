"""The real tiles on which an export is checked."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.inference.feature_scoring import FeaturesOfModel
from slidemill.inference.predict import check_tiles
from slidemill.records import parse_example, read_record
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store
from slidemill.training.description import Method, ModelDescription

TILES_OF_A_SLIDE = 32  # most, evenly spaced; a model of bags gets all tiles of a slide


class NoTilesError(SlidemillError):
    """An export that cannot be checked."""

    def __init__(self, slides: int) -> None:
        super().__init__(slides)
        self.slides = slides

    def __str__(self) -> str:
        return (
            f"none of {self.slides} slides has a tile on which the export could be checked. Add slides with tissue to "
            "the slide sheet."
        )


@dataclass(frozen=True, slots=True)
class CheckSlide:
    """A slide on whose tiles an export is checked.

    Attributes:
        label: its class, where it is known.
        source: what the model reads of its tiles: their records, or their features.
        store: the index of its tiles.
    """

    label: str | None
    source: Path
    store: Path


def usable(
    slides: Sequence[CheckSlide], exclude: Collection[QualityFlag], description: ModelDescription
) -> list[CheckSlide]:
    """Those that have tiles to use.

    Raises:
        NoTilesError: none has.
        TileMismatchError: tiles are of another size or resolution than the model's.
        ZarrZipError: an index is missing or damaged.
    """
    found = []
    for slide in slides:
        summary = read_store(slide.store).without(exclude).summary
        if summary.tile_count:
            check_tiles(slide.store, summary, description)
            found.append(slide)
    if not found:
        raise NoTilesError(len(slides))
    return found


def read_jpegs(slide: CheckSlide, exclude: Collection[QualityFlag], description: ModelDescription) -> list[bytes]:
    """Tiles of a slide as they are stored; of a model of bags those that it looks at.

    Raises:
        ZarrZipError: its index is missing or damaged.
        DamagedRecordError: its records are damaged.
    """
    store = read_store(slide.store).without(exclude, description.slide_tiles)
    chosen = np.arange(len(store.offset)) if description.method == "mil" else _evenly(len(store.offset))
    with slide.source.open("rb") as file:
        places = zip(store.offset[chosen].tolist(), store.length[chosen].tolist(), strict=True)
        records = [read_record(slide.source, file, offset=offset, length=length) for offset, length in places]
    return [bytes(parse_example(record)["image/encoded"]) for record in records]  # type: ignore[arg-type]


def read_model_features(
    slide: CheckSlide, exclude: Collection[QualityFlag], features: FeaturesOfModel, method: Method
) -> np.ndarray:
    """Features of a slide's tiles, (tiles, dimension) float32.

    Args:
        slide: whose tiles.
        exclude: tiles with one of these flags are left out.
        features: those that the model takes.
        method: of the model.
    Raises:
        ZarrZipError: a file is missing or damaged.
        FeaturesMismatchError: the features are of another encoder than the model's.
    """
    own = features.read(slide.source, read_store(slide.store).is_used(exclude)).features
    return (own if method == "mil" else own[_evenly(len(own))]).astype(np.float32)


def _evenly(tiles: int) -> np.ndarray:
    return np.unique(np.linspace(0, tiles - 1, min(tiles, TILES_OF_A_SLIDE)).round().astype(np.int64))
