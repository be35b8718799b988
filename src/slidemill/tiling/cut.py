"""Cut a slide into tissue tiles.

The steps, in order: open the slide, survey it, read and measure each candidate once, and encode those to keep. What
makes a slide unusable on the way sets it aside: its tile store is then empty and says why.
"""

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg

from slidemill.atomic import atomic_path, write_bytes
from slidemill.records import FeatureValue, RecordWriter, encode_example
from slidemill.slides import SlideError, SlideReader, open_slide
from slidemill.tiling.measure import TileMeter
from slidemill.tiling.quality import TileMeasures, flag_bits
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary, TileStore, write_store
from slidemill.tiling.summary import Outcome, TileCounts, summarize
from slidemill.tiling.survey import Survey, survey_slide

_WRITE_BYTES = 2**20  # to the file at once

_LOG = logging.getLogger(__name__)


class _Cut(NamedTuple):
    """A candidate after its pixels were read: its JPEG, or why it is dropped."""

    measures: TileMeasures
    jpeg: bytes
    dropped: str


class _Kept(NamedTuple):
    """A tile in the records file."""

    number: int  # of the candidate
    measures: TileMeasures
    offset: int
    length: int


def tile_slide(
    source: SlideSource, parameters: TilingParameters, *, records: Path, store: Path, threads: int = 1
) -> StoreSummary:
    """Cut the tissue tiles of one slide and write its tile store.

    Args:
        source: the slide.
        parameters: how to cut.
        records: the TFRecord file to write, one tf.train.Example a tile.
        store: the Zarr zip file to write, the index of the records.
        threads: number of threads that decode and encode; the files do not depend on it.

    Returns:
        What the store says of itself; `status` is "set_aside" for a slide that cannot be used.
    """
    try:
        with open_slide(source.path, parameters.reader) as slide:
            survey = survey_slide(slide, source, parameters, threads)
            counts = TileCounts()
            kept = _write_records(records, slide, source, parameters, survey, threads, counts)
            outcome = Outcome(reader=slide.name, survey=survey, tile_count=len(kept), counts=counts)
        result = _filled_store(summarize(source, parameters, outcome), survey, kept)
    except SlideError as error:
        write_bytes(records, b"")
        result = TileStore(summary=summarize(source, parameters, str(error)))
    write_store(store, result)
    _log_result(result.summary)
    return result.summary


def _write_records(
    path: Path,
    slide: SlideReader,
    source: SlideSource,
    parameters: TilingParameters,
    survey: Survey,
    threads: int,
    counts: TileCounts,
) -> list[_Kept]:
    """Write a record for each tile to keep, and count those that are not."""
    # Two messages joined are one message with the features of both: what all tiles share is serialised once.
    same_for_all = encode_example(
        {
            "image/format": "jpeg",
            "image/height": parameters.tile_size,
            "image/width": parameters.tile_size,
            "slide/id": source.slide_id,
            "patient/id": source.patient_id,
            "tile/mpp": survey.tile_mpp,
        }
    )
    kept: list[_Kept] = []
    with atomic_path(path) as temporary, temporary.open("wb", buffering=_WRITE_BYTES) as file:
        writer = RecordWriter(file)
        for number, tile in enumerate(_cut_tiles(slide, parameters, survey, threads)):
            counts.add(tile.measures.flags, tile.dropped)
            if tile.dropped:
                continue
            x, y = survey.candidates[number].tolist()
            own: dict[str, FeatureValue | str] = {
                "image/encoded": tile.jpeg,
                "tile/x": x,
                "tile/y": y,
                "tile/tissue_fraction": tile.measures.tissue_fraction,
            }
            kept.append(_Kept(number, tile.measures, *writer.write(same_for_all + encode_example(own))))
    return kept


def _cut_tiles(slide: SlideReader, parameters: TilingParameters, survey: Survey, threads: int) -> Iterator[_Cut]:
    """Each candidate in order, measured, and encoded if it is kept."""
    meter = TileMeter(survey)

    def finish(number: int, pixels: np.ndarray) -> _Cut:
        measures = meter.measure(number, pixels)
        if measures.tissue_fraction < 1.0 - parameters.max_background:
            return _Cut(measures, b"", "background")
        if excluded := [flag for flag in measures.flags if flag in parameters.exclude]:
            return _Cut(measures, b"", excluded[0])
        return _Cut(measures, _encode(pixels, parameters.jpeg_quality), "")

    return slide.map_tiles(
        finish, survey.candidates, extent=survey.grid.extent, size=parameters.tile_size, threads=threads
    )


def _encode(pixels: np.ndarray, quality: int) -> bytes:
    return bytes(simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), quality=quality, colorsubsampling="420"))


def _filled_store(summary: StoreSummary, survey: Survey, kept: list[_Kept]) -> TileStore:
    return TileStore(
        summary=summary,
        coordinates=survey.candidates[[tile.number for tile in kept]].reshape(-1, 2),
        tissue_fraction=np.array([tile.measures.tissue_fraction for tile in kept], np.float32),
        ink_fraction=np.array([tile.measures.ink_fraction for tile in kept], np.float32),
        sharpness=np.array([tile.measures.sharpness for tile in kept], np.float32),
        quality=np.array([flag_bits(tile.measures.flags) for tile in kept], np.uint8),
        offset=np.array([tile.offset for tile in kept], np.int64),
        length=np.array([tile.length for tile in kept], np.int64),
        tissue_mask=survey.areas.tissue,
        thumbnail=survey.overview,
    )


def _log_result(summary: StoreSummary) -> None:
    if summary.reason:
        _LOG.warning("set aside: %s", summary.reason)
    else:
        _LOG.info("%s: kept %d of %d tiles", summary.slide_id, summary.tile_count, summary.grid_count)
