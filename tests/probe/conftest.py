"""Slides with features that were drawn from a seed."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from slidemill.features.store import FeatureStore, FeatureSummary, features_path, write_features
from slidemill.splits import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels, TilePixels

DIMENSION = 12
CLASSES = ("A", "B", "C")
PEN_MARKS = 1  # bit of a tile's quality


@dataclass(frozen=True)
class DrawnSlides:
    """Where the files of a cohort of drawn features lie."""

    folder: Path

    @property
    def splits(self) -> Path:
        return self.folder / "splits.tsv"

    @property
    def tiles(self) -> Path:
        return self.folder / "tiles"

    @property
    def features(self) -> Path:
        return self.folder / "features"


def feature_summary(slide_id: str, **changes) -> FeatureSummary:
    values = {
        "slide_id": slide_id,
        "patient_id": f"patient of {slide_id}",
        "status": "usable",
        "reason": "",
        "encoder": "drawn",
        "weights_sha256": "ab" * 32,
        "dimension": DIMENSION,
        "input_size": 224,
        "mpp": 0.5,
        "tile_size": TilePixels(256),
        "tile_extent": SlidePixels(256),
        "normalisation": {"mean": [0.5] * 3, "std": [0.5] * 3},
        "pooling": "average",
        "precision": "float32",
        "source": "slide",
    }
    return FeatureSummary(**(values | changes))


def write_slide(slides: DrawnSlides, slide_id: str, features: np.ndarray, *, quality=None, **changes) -> None:
    """Write the tile store of a slide and its features."""
    tiles = len(features)
    coordinates = np.stack([np.arange(tiles) * 256, np.zeros(tiles)], axis=1).astype(np.int64)
    summary = StoreSummary(
        slide_id=slide_id,
        patient_id=f"patient of {slide_id}",
        status="usable" if tiles else "set_aside",
        reason="" if tiles else f"{slide_id} has no tissue",
        flags=(),
        tile_count=tiles,
        grid_count=100,
        tile_extent=SlidePixels(256 if tiles else 0),
        parameters={"tile_size": 256, "mpp": 0.5},
        slide=None,
        versions={},
    )
    store = TileStore(
        summary=summary,
        coordinates=coordinates,
        quality=np.zeros(tiles, np.uint8) if quality is None else np.asarray(quality, np.uint8),
        **{name: np.zeros(tiles, np.float32) for name in ("tissue_fraction", "ink_fraction", "sharpness")},
        **{name: np.zeros(tiles, np.int64) for name in ("offset", "length")},
    )
    write_store(store_paths(slides.tiles, slide_id)[1], store)
    own = feature_summary(slide_id, **({} if tiles else {"status": "set_aside", "reason": summary.reason}) | changes)
    write_features(
        features_path(slides.features, slide_id), FeatureStore(own, features.astype(np.float16), coordinates)
    )


@pytest.fixture(scope="session")
def drawn(tmp_path_factory) -> DrawnSlides:
    """Twelve slides of three classes that features tell apart but for noise, one of them without tiles."""
    slides = DrawnSlides(tmp_path_factory.mktemp("drawn"))
    slides.tiles.mkdir()
    slides.features.mkdir()
    generator = np.random.default_rng(5)
    centres = generator.standard_normal((len(CLASSES), DIMENSION)) * 0.6
    rows = []
    for number in range(12):
        slide_id, place = f"s{number:02}", number % len(CLASSES)
        tiles = 0 if number == 11 else 20 + 9 * number
        noise = generator.standard_normal((tiles, DIMENSION)) * np.linspace(0.1, 3, DIMENSION)
        write_slide(slides, slide_id, centres[place] + noise + 4, quality=np.arange(tiles) % 5 == 0)
        split = ("train", "train", "validation", "test")[number // 3]
        used = tiles - len(range(0, tiles, 5))
        status, reason = ("usable", "") if tiles else ("set_aside", "no tissue")
        patient = f"patient of {slide_id}"
        rows.append(SplitRow(slide_id, patient, CLASSES[place], "", split, used, status, reason))
    write_splits(slides.splits, rows)
    return slides


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_thread):
    """All tests here use TensorFlow, or may."""
