"""Score every tile of slides with a trained model.

What runs the model is imported for the first slide that has tiles, and the model is loaded once for all slides.
"""

import logging
import math
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.hashing import file_sha256
from slidemill.inference.bag_scoring import BagScorer
from slidemill.inference.feature_model import load_bag_model, load_feature_model
from slidemill.inference.feature_scoring import FeatureScorer
from slidemill.inference.model_file import describe
from slidemill.inference.pixel_bag_scoring import PixelBagScorer
from slidemill.inference.scorer import ScoredTiles, Scorer
from slidemill.inference.scoring import RecordScorer
from slidemill.inference.store import Predictions, write_predictions
from slidemill.onnx_session import Provider, ProviderMissingError
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import StoreSummary, TileStore, read_store
from slidemill.training.description import ModelDescription, ModelFileError

DEFAULT_BATCH_SIZE = 64

_log = logging.getLogger(__name__)


class TileMismatchError(SlidemillError):
    """Tiles of another kind than those that the model has learned from."""

    def __init__(self, store: Path, key: str, found: float, expected: float) -> None:
        super().__init__(store, key, found, expected)
        self.store = store
        self.key = key
        self.found = found
        self.expected = expected

    def __str__(self) -> str:
        return (
            f"{self.store}: its tiles have {self.key} {self.found}, but the model was trained on tiles with {self.key} "
            f"{self.expected}. Set tiling.{self.key}: {self.expected} in the config, or give another model."
        )


class StaleTilesError(SlidemillError):
    """Tile records or features that are not of the tiles of their index."""

    def __init__(self, source: Path, store: Path, reason: str) -> None:
        super().__init__(source, store, reason)
        self.source = source
        self.store = store
        self.reason = reason

    def __str__(self) -> str:
        return f"{self.source}: {self.reason}; its index is {self.store}. Delete it and run again to make it anew."


@dataclass(frozen=True, slots=True)
class SlideJob:
    """The files of one slide.

    Attributes:
        source: what the model reads of its tiles: their records, or their features.
        store: the index of its tiles.
        output: its predictions, written.
    """

    source: Path
    store: Path
    output: Path


def predict_slides(
    jobs: Iterable[SlideJob],
    model_file: Path,
    *,
    exclude: Collection[QualityFlag] = (),
    batch_size: int = DEFAULT_BATCH_SIZE,
    threads: int = 1,
    provider: Provider = "auto",
) -> list[SlidemillError]:
    """Write the predictions of slides, in the order of their tile stores.

    A model that takes so many tiles of a slide gets those with most tissue, and predictions are of these alone.

    A slide that was set aside, or has no tile to use, gets predictions without tiles, which say why. One that fails
    does not stop the others.

    Args:
        jobs: the slides.
        model_file: model.keras, or the model.onnx that was made of it.
        exclude: tiles with one of these flags are not scored.
        batch_size: tiles that are scored at once.
        threads: CPU threads.
        provider: what runs ONNX.
    Returns:
        Why slides have no predictions, one error for each: TileMismatchError (tiled at another size or resolution than
        the model's tiles), StaleTilesError (its records or features are not of the tiles of its index), RecordsError
        (damaged records), FeaturesMismatchError (features of another encoder) or ZarrZipError (a missing or damaged
        index, or such features).
    Raises:
        ModelFileError: the model is missing, damaged, or has no description.
        ProviderMissingError: the provider is not there.
    """
    description = describe(model_file)
    model_sha256 = file_sha256(model_file)
    scorer = cache(lambda: _load(model_file, description, batch_size=batch_size, threads=threads, provider=provider))
    failures: list[SlidemillError] = []
    for job in jobs:
        try:
            store = read_store(job.store)
            used = store.without(exclude, description.slide_tiles)
            is_used = store.is_used(exclude, description.slide_tiles)
            scored = _scored(job, used, is_used, description, scorer)
        except (ModelFileError, ProviderMissingError):
            raise
        except SlidemillError as error:
            _log.error("%s", error)
            failures.append(error)
        else:
            write_predictions(job.output, predictions_of(used, scored, description.classes, model_sha256))
            _log.info("%s: %d tiles", used.summary.slide_id, len(scored.coordinates))
    return failures


def _scored(
    job: SlideJob, store: TileStore, is_used: np.ndarray, description: ModelDescription, scorer: Callable[[], Scorer]
) -> ScoredTiles:
    if store.summary.tile_count == 0:
        return ScoredTiles(store.coordinates, np.zeros((0, len(description.classes)), np.float32))
    check_tiles(job.store, store.summary, description)
    scored = scorer().score(job.source, is_used)
    if not np.array_equal(scored.coordinates, store.coordinates):
        reason = f"its {len(scored.coordinates)} tiles are not the {store.summary.tile_count} of its index"
        raise StaleTilesError(job.source, job.store, reason)
    return scored


def check_tiles(store: Path, summary: StoreSummary, description: ModelDescription) -> None:
    """Check that tiles are of the size and resolution that a model takes.

    Args:
        store: their index, to be named where they are not.
        summary: of the index.
        description: of the model.
    Raises:
        TileMismatchError: they are not.
    """
    size, mpp = summary.parameters["tile_size"], summary.parameters["mpp"]
    if size != description.tile_size_px:
        raise TileMismatchError(store, "tile_size", size, description.tile_size_px)
    if not math.isclose(mpp, description.tile_mpp, rel_tol=1e-6):
        raise TileMismatchError(store, "mpp", mpp, description.tile_mpp)


def predictions_of(store: TileStore, scored: ScoredTiles, classes: tuple[str, ...], model_sha256: str) -> Predictions:
    """What a model says of a slide, from what it says of its tiles.

    Args:
        store: of the tiles that were scored, in their order.
        scored: what it says of them.
        classes: names, in the order of scores.
        model_sha256: hash of the model file.
    """
    return Predictions(
        slide_id=store.summary.slide_id,
        patient_id=store.summary.patient_id,
        classes=classes,
        coordinates=store.coordinates,
        scores=scored.scores,
        tile_extent=store.summary.tile_extent,
        reason=store.summary.reason,
        model_sha256=model_sha256,
        slide_scores=scored.slide_scores,
        attention=scored.attention,
    )


def _load(
    model_file: Path, description: ModelDescription, *, batch_size: int, threads: int, provider: Provider
) -> Scorer:
    if description.method == "probe":
        of_tiles = load_feature_model(model_file, description, threads=threads, provider=provider)
        return FeatureScorer(model_file, description, of_tiles)
    if description.method == "mil" and description.encoder is None:
        return PixelBagScorer(model_file, description, batch_size=batch_size, threads=threads, provider=provider)
    if description.method == "mil":
        of_bags = load_bag_model(model_file, description, threads=threads, provider=provider)
        return BagScorer(model_file, description, of_bags)
    return RecordScorer(model_file, description, batch_size=batch_size, threads=threads, provider=provider)
