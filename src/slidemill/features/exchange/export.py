"""Export a cohort's features to a folder for another tool."""

import logging
import shutil
from collections.abc import Collection, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp

from slidemill.errors import SlidemillError
from slidemill.features.exchange import Layout
from slidemill.features.exchange.write import write_foreign
from slidemill.features.store import FeatureStore, features_path, read_features
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import TileStore, read_store, store_paths

_LOG = logging.getLogger(__name__)


class ExportError(SlidemillError):
    """Features that do not fit the tiles of their slide."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.path = path

    def __str__(self) -> str:
        return f"{self.path}: its tiles are not those of the tile store. Delete it and run again."


def export_features(
    slides: Sequence[str],
    features: Sequence[Path],
    *,
    tiles: Path,
    layout: Layout,
    exclude: Collection[QualityFlag],
    output: Path,
) -> int:
    """Write the features of slides as another tool would; the folder appears as a whole or not at all.

    Slides that were set aside, or of which no tile is left, have no file there, which the log tells.

    Args:
        slides: their slide_ids.
        features: a folder for each encoder, with {slide_id}.zarr.zip.
        tiles: folder of the tile stores.
        layout: whose.
        exclude: tiles with one of these flags are left out.
        output: the folder; what it held before is replaced.

    Returns:
        Number of files.

    Raises:
        ExportError: features and tiles do not fit each other.
        ZarrZipError: a file is missing or damaged.
    """
    output.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(mkdtemp(prefix=f".{output.name}-", dir=output.parent))
    try:
        count = sum(
            _export_slide(slide_id, folder, tiles, layout, exclude, unfinished)
            for folder in features
            for slide_id in slides
        )
        unfinished.chmod(0o755)
        shutil.rmtree(output, ignore_errors=True)
        unfinished.replace(output)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return count


def _export_slide(
    slide_id: str, folder: Path, tiles: Path, layout: Layout, exclude: Collection[QualityFlag], output: Path
) -> int:
    path = features_path(folder, slide_id)
    own, store = read_features(path), read_store(store_paths(tiles, slide_id)[1])
    if own.coordinates.tolist() != store.coordinates.tolist():
        raise ExportError(path)
    left = _without(own, store, exclude)
    if not len(left.features) or store.summary.slide is None:
        _LOG.warning("%s is left out: %s", slide_id, store.without(exclude).summary.reason)
        return 0
    return len(write_foreign(output, layout, left, store.summary.slide))


def _without(features: FeatureStore, store: TileStore, exclude: Collection[QualityFlag]) -> FeatureStore:
    used = store.is_used(exclude)
    return replace(features, features=features.features[used], coordinates=features.coordinates[used])
