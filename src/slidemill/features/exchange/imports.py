"""Use features that another tool made of a slide: they and the places of their tiles in our form.

The tiles are those of the tool. Their places go into a tile store, which holds what all later stages ask of a slide:
its facts, thumbnail and tissue, which are taken from the slide itself. No pixel of a tile is read.
"""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

import slidemill
from slidemill.features.exchange.foreign import ForeignFeatures, ForeignFeaturesError
from slidemill.features.exchange.read import read_foreign
from slidemill.features.store import FeatureStore, FeatureSummary, write_features
from slidemill.slides import SlideError, SlideReader, open_slide, resolution_of
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import StoreSummary, TileStore, write_store
from slidemill.tiling.summary import Outcome, summarize
from slidemill.tiling.survey import Survey, survey_slide
from slidemill.units import SlidePixels, TilePixels

_LOG = logging.getLogger(__name__)


def import_features(
    source: SlideSource,
    parameters: TilingParameters,
    features_file: Path,
    *,
    encoder: str,
    store: Path,
    features: Path,
    threads: int = 1,
) -> None:
    """Write the tile store and the features of a slide from what another tool made of it.

    A slide that cannot be read is set aside, with empty files.

    Args:
        source: the slide.
        parameters: of the config; resolution and size of the tiles count where the file does not tell them.
        features_file: what the tool wrote.
        encoder: what the config calls the encoder.
        store: the tile store to write.
        features: the features to write.
        threads: number of threads that read the slide.

    Raises:
        ForeignFeaturesError: the file cannot be used, or is of another slide.
    """
    foreign = read_foreign(features_file)
    try:
        with open_slide(source.path, parameters.reader) as slide:
            tile_store = _tile_store(slide, source, parameters, foreign, threads)
        rows = foreign.features
    except SlideError as error:
        tile_store = TileStore(summary=summarize(source, parameters, str(error)))
        rows = np.zeros((0, foreign.features.shape[1]), np.float16)
    write_features(features, FeatureStore(_summary(tile_store, foreign, encoder), rows, tile_store.coordinates))
    write_store(store, tile_store)
    _LOG.info("%s: %d tiles of %s", source.slide_id, len(rows), features_file)


def _tile_store(
    slide: SlideReader,
    source: SlideSource,
    parameters: TilingParameters,
    foreign: ForeignFeatures,
    threads: int,
) -> TileStore:
    mpp = resolution_of(source.slide_id, slide.properties, source.sheet_mpp).mpp.um_per_px
    corners, extent = foreign.corners(mpp), foreign.extent(mpp)
    _refuse_other_slide(foreign, corners, extent, slide)
    parameters = replace(
        parameters, mpp=foreign.mpp or parameters.mpp, tile_size=foreign.tile_size or parameters.tile_size
    )
    survey = survey_slide(slide, source, parameters, threads)
    tissue, ink = (_shares(mask, survey, corners, extent) for mask in (survey.areas.tissue, survey.areas.ink))
    nothing = np.zeros(len(corners))
    return TileStore(
        summary=_store_summary(slide, source, parameters, survey, len(corners), extent),
        coordinates=corners,
        tissue_fraction=tissue,
        ink_fraction=ink,
        sharpness=nothing.astype(np.float32),
        quality=nothing.astype(np.uint8),
        offset=nothing.astype(np.int64),
        length=nothing.astype(np.int64),
        tissue_mask=survey.areas.tissue,
        thumbnail=survey.overview,
        unseen=np.array(survey.unseen, np.int64).reshape(-1, 4),
    )


def _refuse_other_slide(foreign: ForeignFeatures, corners: np.ndarray, extent: int, slide: SlideReader) -> None:
    own = slide.properties.width, slide.properties.height
    advice = "Give each slide the features that were made of it."
    if foreign.slide_size not in (None, own):
        told = f"it was made of a slide of {foreign.slide_size} pixels, and {slide.properties.width} x "
        raise ForeignFeaturesError(foreign.path, f"{told}{slide.properties.height} has the slide of the sheet", advice)
    # Tools let tiles at the border reach beyond it, by less than a tile.
    outside = (corners >= own).any(axis=1)
    if outside.any():
        tile = int(np.argmax(outside))
        told = f"tile {tile} at {corners[tile].tolist()} lies outside the slide of {own[0]} x {own[1]} pixels"
        raise ForeignFeaturesError(foreign.path, told, advice)
    if extent > max(own):
        raise ForeignFeaturesError(foreign.path, f"a tile of {extent} pixels is larger than the slide", advice)


def _store_summary(
    slide: SlideReader,
    source: SlideSource,
    parameters: TilingParameters,
    survey: Survey,
    tile_count: int,
    extent: SlidePixels,
) -> StoreSummary:
    outcome = Outcome(reader=slide.name, survey=survey, tile_count=tile_count, flagged={})
    summary = summarize(source, parameters, outcome)
    return replace(summary, tile_extent=extent, grid_count=max(summary.grid_count, tile_count))


def _shares(mask: np.ndarray, survey: Survey, corners: np.ndarray, extent: int) -> np.ndarray:
    """(tiles,) float32, share of each tile that a mask of the whole slide covers."""
    scale = np.array([mask.shape[1] / survey.facts.width, mask.shape[0] / survey.facts.height])
    starts = np.minimum((corners * scale).astype(int), [mask.shape[1] - 1, mask.shape[0] - 1])
    ends = np.maximum(np.rint((corners + extent) * scale).astype(int), starts + 1)
    sums = np.pad(mask.astype(np.int64).cumsum(0).cumsum(1), ((1, 0), (1, 0)))
    ends = np.minimum(ends, [mask.shape[1], mask.shape[0]])
    (left, top), (right, bottom) = starts.T, ends.T
    covered = sums[bottom, right] - sums[top, right] - sums[bottom, left] + sums[top, left]
    return np.asarray(covered / ((right - left) * (bottom - top)), np.float32)


def _summary(store: TileStore, foreign: ForeignFeatures, encoder: str) -> FeatureSummary:
    tiles = store.summary
    return FeatureSummary(
        slide_id=tiles.slide_id,
        patient_id=tiles.patient_id,
        status=tiles.status,
        reason=tiles.reason,
        encoder=encoder,
        weights_sha256="",
        dimension=foreign.features.shape[1],
        input_size=0,
        mpp=tiles.parameters["mpp"],
        tile_size=TilePixels(tiles.parameters["tile_size"]),
        tile_extent=tiles.tile_extent,
        normalisation={},
        pooling="",
        precision="float16",
        source=foreign.made_by,
        versions={"slidemill": slidemill.__version__},
    )
