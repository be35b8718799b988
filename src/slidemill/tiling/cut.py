"""Cut a slide into tissue tiles.

The steps, in order: open the slide, survey it, look again at what that leaves in doubt, read and measure each candidate
once, and encode those with tissue enough. What makes a slide unusable on the way sets it aside: its tile store is then
empty and says why.
"""

import logging
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
import simplejpeg

from slidemill.atomic import atomic_path, write_bytes
from slidemill.records import FeatureValue, RecordWriter, encode_example, encode_example_parts
from slidemill.slides import SlideError, SlideReader, open_slide
from slidemill.slides.availability import refuse_machine_trouble
from slidemill.tiling.listed import around
from slidemill.tiling.measure import FocusMeter, TileMeter
from slidemill.tiling.quality import flag_counts, focus_rows, quality_bits
from slidemill.tiling.second_look import without_background
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary, TileStore, write_store
from slidemill.tiling.summary import Outcome, summarize
from slidemill.tiling.survey import Survey, survey_slide
from slidemill.tiling.whole_slide import WholeSlide

_WRITE_BYTES = 2**20  # to the file at once

_LOG = logging.getLogger(__name__)


class TooDamagedError(SlideError):
    """A slide of which too many tiles are damaged."""

    def __init__(self, path: Path, damaged: int, count: int, limit: float) -> None:
        super().__init__(path, damaged, count, limit)
        self.path = path
        self.damaged = damaged
        self.count = count
        self.limit = limit

    def __str__(self) -> str:
        return (
            f"{self.path.name} is damaged: {self.damaged} of its {self.count} tissue tiles cannot be decoded, more "
            f"than tiling.max_damaged ({self.limit:.0%}). Fetch it again, or raise tiling.max_damaged."
        )


class _Tile(NamedTuple):
    """A tile to keep."""

    number: int  # of the candidate
    tissue_fraction: float
    focus_rows: np.ndarray
    jpeg: bytes  # empty where no records are written


class _Kept(NamedTuple):
    """A tile and its place in the records file."""

    number: int
    tissue_fraction: float
    offset: int
    length: int


def tile_slide(
    source: SlideSource,
    parameters: TilingParameters,
    *,
    store: Path,
    records: Path | None = None,
    threads: int = 1,
    whole: WholeSlide | None = None,
    centres: np.ndarray | None = None,
) -> StoreSummary:
    """Cut the tissue tiles of one slide and write its tile store.

    Args:
        source: the slide.
        parameters: how to cut.
        store: the Zarr zip file to write, the index of the tiles.
        records: the TFRecord file to write, one tf.train.Example a tile; None for none, and no pixel is encoded.
        threads: number of threads that decode and encode; the files do not depend on it.
        whole: what was decided of the slide before; None: it is looked over.
        centres: (places, 2) int64, level-0 pixels, row by row: tiles around these and not of the grid. None: the grid.

    Returns:
        What the store says of itself; `status` is "set_aside" for a slide that cannot be used.
    """
    try:
        with open_slide(source.path, parameters.reader) as slide:
            survey = survey_slide(slide, source, parameters, threads, whole)
            survey = (
                without_background(slide, survey, parameters, threads) if centres is None else around(survey, centres)
            )
            result = _tiled(slide, survey, source, parameters, records, threads, is_listed=centres is not None)
    except SlideError as error:
        if records is not None:
            write_bytes(records, b"")
        result = TileStore(summary=summarize(source, parameters, str(error)))
    write_store(store, result)
    _log_result(result.summary)
    return result.summary


def _tiled(
    slide: SlideReader,
    survey: Survey,
    source: SlideSource,
    parameters: TilingParameters,
    records: Path | None,
    threads: int,
    *,
    is_listed: bool,
) -> TileStore:
    """Cut the candidates of a survey, write their records, and tell all that the store holds."""
    damaged: list[int] = []
    focus = FocusMeter(survey.tile_mpp)
    tiles = _without_damaged(
        _cut_tiles(slide, parameters, survey, threads, encodes=records is not None), source, parameters, damaged
    )
    kept = (
        [_taken(tile, focus) for tile in tiles]
        if records is None
        else _write_records(records, tiles, focus, source, parameters, survey)
    )
    numbers = [tile.number for tile in kept]
    ink_fraction, sharpness = survey.ink_fraction[numbers], focus.sharpness()
    quality = quality_bits(ink_fraction, sharpness)
    outcome = Outcome(
        slide.name,
        survey,
        tile_count=len(kept),
        flagged=flag_counts(quality),
        damaged_count=len(damaged),
        is_listed=is_listed,
    )
    return TileStore(
        summary=summarize(source, parameters, outcome),
        coordinates=survey.candidates[numbers].reshape(-1, 2),
        tissue_fraction=np.array([tile.tissue_fraction for tile in kept], np.float32),
        ink_fraction=ink_fraction,
        sharpness=sharpness.astype(np.float32),
        quality=quality,
        offset=np.array([tile.offset for tile in kept], np.int64),
        length=np.array([tile.length for tile in kept], np.int64),
        damaged=survey.candidates[damaged].reshape(-1, 2),
        tissue_mask=survey.areas.tissue,
        thumbnail=survey.overview,
        unseen=np.array(survey.unseen, np.int64).reshape(-1, 4),
    )


def _taken(tile: _Tile, focus: FocusMeter, offset: int = 0, length: int = 0) -> _Kept:
    focus.add(tile.focus_rows)
    return _Kept(tile.number, tile.tissue_fraction, offset, length)


def _write_records(
    path: Path,
    tiles: Iterable[_Tile],
    focus: FocusMeter,
    source: SlideSource,
    parameters: TilingParameters,
    survey: Survey,
) -> list[_Kept]:
    """Write a record for each tile to keep."""
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
    corners = survey.candidates.tolist()
    kept: list[_Kept] = []
    with atomic_path(path) as temporary, temporary.open("wb", buffering=_WRITE_BYTES) as file:
        writer = RecordWriter(file)
        for tile in tiles:
            x, y = corners[tile.number]
            own: dict[str, FeatureValue | str] = {
                "image/encoded": tile.jpeg,
                "tile/x": x,
                "tile/y": y,
                "tile/tissue_fraction": tile.tissue_fraction,
            }
            kept.append(_taken(tile, focus, *writer.write(same_for_all, *encode_example_parts(own))))
    return kept


def _cut_tiles(
    slide: SlideReader,
    parameters: TilingParameters,
    survey: Survey,
    threads: int,
    *,
    encodes: bool,
) -> Iterator[_Tile | int]:
    """The candidates with tissue enough, in order, measured and, where they are stored, encoded.

    In the place of one that is damaged comes its number.
    """
    meter = TileMeter(survey)

    def finish(number: int, pixels: np.ndarray) -> _Tile | int | None:
        tissue_fraction = meter.tissue_fraction(number, pixels)
        if tissue_fraction < parameters.least_tissue:
            return None
        jpeg = _encode(pixels, parameters) if encodes else b""
        return _Tile(number, tissue_fraction, focus_rows(pixels), jpeg)

    tiles = slide.map_tiles(
        finish,
        survey.candidates,
        extent=survey.grid.extent,
        size=parameters.tile_size,
        threads=threads,
        damaged=lambda number, _: number,
    )
    return (tile for tile in tiles if tile is not None)


def _without_damaged(
    tiles: Iterable[_Tile | int], source: SlideSource, parameters: TilingParameters, damaged: list[int]
) -> Iterator[_Tile]:
    """The tiles that are sound; the numbers of the others are added to `damaged`.

    Raises:
        MachineTroubleError: it is the machine that does not give them.
        TooDamagedError: they are too many.
    """
    sound = 0
    for tile in tiles:
        if isinstance(tile, int):
            damaged.append(tile)
        else:
            sound += 1
            yield tile
    # Before the records get their name.
    if damaged:
        refuse_machine_trouble(source.path)
    if len(damaged) > parameters.max_damaged * (len(damaged) + sound):
        raise TooDamagedError(source.path, len(damaged), len(damaged) + sound, parameters.max_damaged)


def _encode(pixels: np.ndarray, parameters: TilingParameters) -> bytes:
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels), quality=parameters.jpeg_quality, colorsubsampling=parameters.jpeg_subsampling
    )
    return jpeg


def _log_result(summary: StoreSummary) -> None:
    if summary.reason:
        _LOG.warning("set aside: %s", summary.reason)
    else:
        _LOG.info("%s: kept %d of %d tiles", summary.slide_id, summary.tile_count, summary.grid_count)
