"""Bags in memory."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.tile_values import MappedTiles
from slidemill.records import RecordWriter, encode_example
from slidemill.splits import SplitRow
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

from ..classifier.conftest import TILE_SIZE

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


def write_tiles(folder: Path, slide_id: str, tiles: Sequence[bytes], tissue: Sequence[float]) -> None:
    """Write the tile store of a slide with the pixels of its tiles, JPEG of `TILE_SIZE`, and how much is tissue."""
    records, index = store_paths(folder, slide_id)
    with records.open("wb") as file:
        writer = RecordWriter(file)
        places = [
            writer.write(encode_example({"image/encoded": tile, "tile/x": number * 128, "tile/y": 0}))
            for number, tile in enumerate(tiles)
        ]
    count = len(tiles)
    summary = StoreSummary(
        slide_id=slide_id,
        patient_id=f"patient of {slide_id}",
        status="usable",
        reason="",
        flags=(),
        tile_count=count,
        grid_count=100,
        tile_extent=SlidePixels(128),
        parameters={"tile_size": TILE_SIZE, "mpp": 0.5},
        slide=None,
        versions={},
    )
    store = TileStore(
        summary=summary,
        coordinates=np.stack([np.arange(count) * 128, np.zeros(count)], axis=1).astype(np.int64),
        tissue_fraction=np.array(tissue, np.float32),
        quality=np.zeros(count, np.uint8),
        offset=np.array([offset for offset, _ in places], np.int64),
        length=np.array([length for _, length in places], np.int64),
        **{name: np.zeros(count, np.float32) for name in ("ink_fraction", "sharpness")},
    )
    write_store(index, store)
