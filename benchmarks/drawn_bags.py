"""Drawn features of many slides, for benchmarks/mil.py."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

DIMENSION = 1024
CLASSES = ("a", "b")
DISTINCT = 64  # slides with files of their own; 0.36 GB, so that no cache of a processor holds them


def tile_counts(bags: int) -> list[int]:
    distinct = np.random.default_rng(1).integers(500, 5001, DISTINCT).tolist()
    return [distinct[number % DISTINCT] for number in range(bags)]


@dataclass(frozen=True)
class SharedTiles:
    """Tiles of slides that come up more than once; see `slidemill.mil.tile_values.TileValues`."""

    distinct: Any

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        return self.distinct.of_slide(place % DISTINCT, chosen)


class DrawnBags:
    """Bags in files, and mapped from memory."""

    def __init__(self, folder: Path, counts: list[int]) -> None:
        from slidemill.mil.bags import bags_of
        from slidemill.splits import SplitRow

        self.folder = folder
        rows = [
            SplitRow(f"S{number:05}", f"S{number:05}", CLASSES[number % 2], "", "train", count, "usable", "")
            for number, count in enumerate(counts)
        ]
        self.bags = bags_of(rows, CLASSES, bag="slide")

    def write(self) -> None:
        from slidemill.features.store import FeatureStore, FeatureSummary, features_path, write_features
        from slidemill.units import SlidePixels, TilePixels

        random = np.random.default_rng(2)
        pool = random.standard_normal((5000, DIMENSION), np.float32).astype(np.float16)
        with (self.folder / "mapped").open("wb") as mapped:
            for row in self.bags.slides[:DISTINCT]:
                features = np.roll(pool, int(random.integers(5000)), axis=0)[: row.tile_count]
                mapped.write(features.tobytes())
                summary = FeatureSummary(
                    slide_id=row.slide_id,
                    patient_id=row.patient_id,
                    status="usable",
                    reason="",
                    encoder="drawn",
                    weights_sha256="",
                    dimension=DIMENSION,
                    input_size=224,
                    mpp=0.5,
                    tile_size=TilePixels(256),
                    tile_extent=SlidePixels(256),
                    normalisation={},
                    pooling="",
                    precision="float32",
                    source="slide",
                )
                coordinates = np.zeros((row.tile_count, 2), np.int64)
                write_features(features_path(self.folder, row.slide_id), FeatureStore(summary, features, coordinates))

    def values(self) -> Any:
        from slidemill.mil.tile_values import MappedTiles

        return SharedTiles(MappedTiles.open(self.folder / "mapped", self.bags.slides[:DISTINCT], DIMENSION))

    def features(self, number: int) -> np.ndarray:
        """Of a bag, from its file."""
        from slidemill.features.store import features_path, read_features

        name = self.bags.bags[number % DISTINCT].name
        return read_features(features_path(self.folder, name)).features.astype(np.float32)
