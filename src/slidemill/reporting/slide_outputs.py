"""The pictures of one slide, made from the files of a run."""

from pathlib import Path

import numpy as np

from slidemill.inference.store import Predictions, read_predictions
from slidemill.reporting.geojson import write_geojson
from slidemill.reporting.heatmap import draw_heatmap, draw_set_aside
from slidemill.slides import open_slide
from slidemill.tiling.store import SlideFacts, TileStore, read_store
from slidemill.units import Mpp

MAX_SIDE_PX = 4096


def picture_slide(
    *, slide: Path, store_path: Path, predictions_path: Path, mpp: float, png: Path, geojson: Path
) -> None:
    """Write the heatmap and the GeoJSON of one slide.

    A slide that was set aside gets both as well, from its tile store alone: its file may be unreadable.

    Args:
        slide: the slide's file.
        store_path: its tile store.
        predictions_path: its predictions.
        mpp: microns per pixel of the picture; coarser where a side would exceed 4096 pixels.
        png, geojson: files to write, atomically.
    Raises:
        ResolutionError: `mpp` is no resolution.
        ZarrZipError: a store is missing or damaged.
        UnreadableSlideError: the slide cannot be read (any more).
    """
    store, predictions = read_store(store_path), read_predictions(predictions_path)
    _draw(slide, store, predictions, Mpp(mpp), png)
    write_geojson(predictions, geojson)


def picture_side(slide: SlideFacts, mpp: Mpp) -> int:
    """Longer side of the picture of a slide at this resolution, in pixels, at most 4096."""
    side = round(max(slide.width, slide.height) * slide.mpp / mpp.um_per_px)
    return max(1, min(side, MAX_SIDE_PX))


def _draw(slide: Path, store: TileStore, predictions: Predictions, mpp: Mpp, png: Path) -> None:
    facts = store.summary.slide
    if predictions.reason or facts is None:
        thumbnail = store.thumbnail if store.thumbnail.size else None
        draw_set_aside(thumbnail, predictions.slide_id, predictions.reason or store.summary.reason, png)
        return
    draw_heatmap(_overview(slide, picture_side(facts, mpp)), facts, predictions, png)


def _overview(slide: Path, side: int) -> np.ndarray:
    with open_slide(slide) as reader:
        return reader.overview(side)
