"""Cut a slide into tissue tiles.

The steps, in order: open the slide, survey it, read and encode each tile to keep once. What makes a slide unusable on
the way sets it aside: its tile store is then empty and says why.
"""

import logging
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import numpy as np
import openslide
import simplejpeg

import slidemill
from slidemill.atomic import atomic_path, write_bytes
from slidemill.records import FeatureValue, RecordWriter, encode_example
from slidemill.slides import SlideError, SlideReader, open_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary, TileStore, write_store
from slidemill.tiling.survey import Survey, survey_slide
from slidemill.units import SlidePixels

_LOG = logging.getLogger(__name__)


def tile_slide(source: SlideSource, parameters: TilingParameters, *, records: Path, store: Path) -> StoreSummary:
    """Cut the tissue tiles of one slide and write its tile store.

    Args:
        source: the slide.
        parameters: how to cut.
        records: the TFRecord file to write, one tf.train.Example a tile.
        store: the Zarr zip file to write, the index of the records.

    Returns:
        What the store says of itself; `status` is "set_aside" for a slide that cannot be used.
    """
    try:
        with open_slide(source.path) as slide:
            survey = survey_slide(slide, source, parameters)
            places = _write_records(records, slide, source, parameters, survey)
        result = _surveyed_store(source, parameters, survey, places)
    except SlideError as error:
        write_bytes(records, b"")
        result = TileStore(summary=_summary(source, parameters, reason=str(error)))
    write_store(store, result)
    _log_result(result.summary)
    return result.summary


def _write_records(
    path: Path, slide: SlideReader, source: SlideSource, parameters: TilingParameters, survey: Survey
) -> np.ndarray:
    """Write a record for each tile to keep; (tiles, 2) int64, offset and length of each."""
    places = np.zeros((len(survey.coordinates), 2), np.int64)
    same_for_all: dict[str, FeatureValue | str] = {
        "image/format": "jpeg",
        "image/height": parameters.tile_size,
        "image/width": parameters.tile_size,
        "slide/id": source.slide_id,
        "patient/id": source.patient_id,
        "tile/mpp": survey.tile_mpp,
    }
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        writer = RecordWriter(file)
        for i, (x, y) in enumerate(survey.coordinates.tolist()):
            pixels = slide.read_tile(x, y, extent=survey.grid.extent, size=parameters.tile_size)
            own: dict[str, FeatureValue | str] = {
                "image/encoded": _encode(pixels, parameters.jpeg_quality),
                "tile/x": x,
                "tile/y": y,
                "tile/tissue_fraction": float(survey.tissue_fraction[i]),
            }
            places[i] = writer.write(encode_example(same_for_all | own))
    return places


def _encode(pixels: np.ndarray, quality: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420"))


def _surveyed_store(source: SlideSource, parameters: TilingParameters, survey: Survey, places: np.ndarray) -> TileStore:
    reason = "" if len(places) else _why_no_tiles(source, parameters, survey)
    return TileStore(
        summary=_summary(source, parameters, reason=reason, survey=survey),
        coordinates=survey.coordinates,
        tissue_fraction=survey.tissue_fraction,
        offset=places[:, 0],
        length=places[:, 1],
        tissue_mask=survey.areas.tissue,
        thumbnail=survey.overview,
    )


def _why_no_tiles(source: SlideSource, parameters: TilingParameters, survey: Survey) -> str:
    if survey.grid.tile_count == 0:
        return f"{source.slide_id} is smaller than one tile. Lower tiling.tile_size, or leave the slide out."
    return (
        f"{source.slide_id} has no tissue: every tile is more than {parameters.max_background:.0%} background. "
        "If its thumbnail shows tissue, raise tiling.max_background."
    )


def _summary(
    source: SlideSource, parameters: TilingParameters, *, reason: str, survey: Survey | None = None
) -> StoreSummary:
    return StoreSummary(
        slide_id=source.slide_id,
        patient_id=source.patient_id,
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=survey.flags if survey else (),
        tile_count=len(survey.coordinates) if survey else 0,
        grid_count=survey.grid.tile_count if survey else 0,
        tile_extent=survey.grid.extent if survey else SlidePixels(0),
        parameters=asdict(parameters),
        slide=survey.facts if survey else None,
        versions={
            "slidemill": slidemill.__version__,
            "openslide": openslide.__library_version__,
            "simplejpeg": version("simplejpeg"),
        },
    )


def _log_result(summary: StoreSummary) -> None:
    if summary.reason:
        _LOG.warning("set aside: %s", summary.reason)
    else:
        _LOG.info("%s: kept %d of %d tiles", summary.slide_id, summary.tile_count, summary.grid_count)
