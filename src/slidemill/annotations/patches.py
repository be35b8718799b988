"""Cut the listed patches of a slide: a tile store as all others, and labels as those from annotated regions."""

import logging
from dataclasses import replace
from pathlib import Path

import numpy as np

from slidemill.annotations.patch_lists import PatchListError, SlidePatches
from slidemill.annotations.store import TileLabels, write_labels
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.listed import corners_of
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import TileStore, read_store

_LOG = logging.getLogger(__name__)


def tile_patches(
    source: SlideSource,
    parameters: TilingParameters,
    patches: SlidePatches,
    classes: tuple[str, ...],
    *,
    store: Path,
    labels: Path,
    records: Path | None = None,
    threads: int = 1,
) -> None:
    """Cut the patches of a slide and write them with their classes.

    Patches are kept with whatever background they have, since they were listed; `parameters.max_background` only
    decides how many are told to have more. Those that reach over the edge of the slide, or cannot be decoded, are left
    out and told.

    Args:
        source: the slide.
        parameters: how to cut: patches have the size and resolution of tiles.
        patches: where, and of which class.
        classes: of the config, in order.
        store: the Zarr zip file to write, the index of the patches.
        labels: the labels to write.
        records: the TFRecord file to write; None for none.
        threads: that decode and encode.

    Raises:
        PatchListError: the middle of a patch lies outside the slide.
    """
    any_tissue = replace(parameters, max_background=1.0)
    tile_slide(source, any_tissue, store=store, records=records, threads=threads, centres=patches.centres)
    cut = read_store(store)
    _check_places(cut, patches)
    _tell(cut, patches, parameters)
    write_labels(labels, _labels(cut, patches, classes))


def _check_places(cut: TileStore, patches: SlidePatches) -> None:
    facts = cut.summary.slide
    if facts is None:  # it could not be read
        return
    outside = np.flatnonzero((patches.centres >= (facts.width, facts.height)).any(axis=1))
    if len(outside):
        first = int(outside[0])
        x, y = patches.centres[first].tolist()
        raise PatchListError(
            [
                f"{patches.place(first)}: ({x}, {y}) lies outside slide '{cut.summary.slide_id}' of {facts.width} x "
                f"{facts.height} pixels, as do {len(outside) - 1} others of its {len(patches.centres)} patches. Give "
                "middles of patches in level-0 pixels of this slide, first x and then y."
            ]
        )


def _tell(cut: TileStore, patches: SlidePatches, parameters: TilingParameters) -> None:
    if cut.summary.reason:  # told already
        return
    name, count = cut.summary.slide_id, len(patches.centres)
    lost = count - len(cut.coordinates) - len(cut.damaged)
    if lost:
        _LOG.warning("%s: %d of %d patches reach over the edge of the slide and are left out", name, lost, count)
    if len(cut.damaged):
        _LOG.warning("%s: %d of %d patches cannot be decoded and are left out", name, len(cut.damaged), count)
    background = int(np.count_nonzero(cut.tissue_fraction < parameters.least_tissue))
    if background:
        _LOG.warning(
            "%s: %d of %d patches have more background than tiling.max_background; they are kept, as they are listed",
            *(name, background, count),
        )


def _labels(cut: TileStore, patches: SlidePatches, classes: tuple[str, ...]) -> TileLabels:
    corners = corners_of(patches.centres, cut.summary.tile_extent)
    label_of = dict(zip(map(tuple, corners.tolist()), patches.labels.tolist(), strict=True))
    own = np.array([label_of[x, y] for x, y in cut.coordinates.tolist()], np.int64)
    return TileLabels(
        slide_id=cut.summary.slide_id,
        classes=classes,
        coordinates=cut.coordinates,
        coverage=np.eye(len(classes), dtype=np.float32)[own],
        tile_extent=cut.summary.tile_extent,
        exhaustive=False,
        regions={},
        annotation_sha256="",
        remarks=(),
    )
