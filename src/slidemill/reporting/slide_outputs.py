"""The pictures of one slide, made from the files of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import shapely

from slidemill.annotations.outlines_file import read_outlines
from slidemill.annotations.place import viewer_origin
from slidemill.inference.store import Predictions, read_predictions
from slidemill.reporting.geojson import write_geojson
from slidemill.reporting.heatmap import draw_heatmap, draw_set_aside, slide_panels
from slidemill.reporting.preview import write_preview
from slidemill.reporting.pyramid import write_plain, write_pyramid
from slidemill.reporting.tile_sheet import write_tile_sheet
from slidemill.slides import open_slide
from slidemill.tiling.store import SlideFacts, TileStore, read_store
from slidemill.units import Mpp

MAX_SIDE_PX = 4096


@dataclass(frozen=True, slots=True)
class Pictures:
    """Files to write, each atomically.

    Attributes:
        png: the heatmap.
        geojson: the scores for QuPath.
        preview: the panels of the heatmap, small.
        tiles: the slide's most and least typical tiles.
    """

    png: Path
    geojson: Path
    preview: Path
    tiles: Path


def picture_slide(
    *,
    slide: Path,
    store_path: Path,
    predictions_path: Path,
    mpp: float,
    pictures: Pictures,
    outlines_path: Path | None = None,
) -> None:
    """Write the pictures of one slide.

    A slide that was set aside gets all of them as well, from its tile store alone: its file may be unreadable.

    Args:
        slide: the slide's file.
        store_path: its tile store.
        predictions_path: its predictions.
        mpp: microns per pixel of the picture; coarser where a side would exceed 4096 pixels.
        pictures: files to write.
        outlines_path: GeoJSON of its annotated classes, None where there is none.
    Raises:
        ResolutionError: `mpp` is no resolution.
        ZarrZipError: a store is missing or damaged.
        UnreadableSlideError: the slide cannot be read (any more).
        AnnotationError: the GeoJSON is damaged.
    """
    store, predictions = read_store(store_path), read_predictions(predictions_path)
    resolution = Mpp(mpp)
    facts = store.summary.slide
    if predictions.reason or facts is None:
        _draw_set_aside(store, predictions, pictures)
    else:
        areas = read_outlines(outlines_path, viewer_origin(facts)) if outlines_path else {}
        _draw(slide, facts, predictions, resolution, pictures, areas)
    write_geojson(predictions, pictures.geojson, facts.bounds if facts else None)


def overlay_slide(*, slide: Path, store_path: Path, predictions_path: Path, mpp: float, output: Path) -> None:
    """Write the pyramid of one slide (see `slidemill.reporting.pyramid`); of a slide set aside its thumbnail alone.

    Args:
        slide: the slide's file.
        store_path: its tile store.
        predictions_path: its predictions.
        mpp: microns per pixel of the largest level.
        output: OME-TIFF to write, atomically.
    Raises:
        ResolutionError: `mpp` is no resolution.
        ZarrZipError: a store is missing or damaged.
        UnreadableSlideError: the slide cannot be read (any more).
    """
    store, predictions, resolution = read_store(store_path), read_predictions(predictions_path), Mpp(mpp)
    facts = store.summary.slide
    if predictions.reason or facts is None:
        write_plain(output, store.shown_thumbnail, predictions.slide_id)
        return
    with open_slide(slide) as reader:
        write_pyramid(output, reader, facts, predictions, resolution)


def picture_side(slide: SlideFacts, mpp: Mpp) -> int:
    """Longer side of the picture of a slide at this resolution, in pixels, at most 4096."""
    side = round(max(slide.shown_size) * slide.mpp / mpp.um_per_px)
    return max(1, min(side, MAX_SIDE_PX))


def _draw(
    slide: Path,
    facts: SlideFacts,
    predictions: Predictions,
    mpp: Mpp,
    pictures: Pictures,
    areas: Mapping[str, shapely.Geometry],
) -> None:
    with open_slide(slide) as reader:
        overview = reader.overview(picture_side(facts, mpp), in_bounds=True, damaged=[])
        panels = slide_panels(overview, facts, predictions, areas)
        write_tile_sheet(pictures.tiles, reader, predictions)
    draw_heatmap(panels, facts, predictions, pictures.png)
    write_preview(pictures.preview, [panel.picture for panel in panels])


def _draw_set_aside(store: TileStore, predictions: Predictions, pictures: Pictures) -> None:
    thumbnail = store.shown_thumbnail if store.thumbnail.size else None
    reason = predictions.reason or store.summary.reason
    draw_set_aside(thumbnail, predictions.slide_id, reason, pictures.png)
    write_preview(pictures.preview, [] if thumbnail is None else [thumbnail])
    write_tile_sheet(pictures.tiles, None, predictions)
