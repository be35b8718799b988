"""The slides of one job: a slide that fails takes no other along, and a job that ended early goes on by slide.

A workflow engine deletes the outputs of a job that failed. So predictions go to a folder of their own first, and move
to their final place when the whole batch is finished; the same job, run again, scores only what is missing.
"""

import logging
from collections.abc import Collection, Sequence
from pathlib import Path

import numpy as np

from slidemill.errors import SlidemillError
from slidemill.features.store import features_path
from slidemill.hashing import file_sha256
from slidemill.inference.model_file import describe
from slidemill.inference.predict import DEFAULT_BATCH_SIZE, SlideJob, predict_slides
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.kept import SlidesFailedError, move_kept
from slidemill.onnx_session import Provider
from slidemill.tiling.quality import QualityFlag
from slidemill.tiling.store import read_store, store_paths
from slidemill.training.description import ModelDescription
from slidemill.zarr_zip import ZarrZipError

_log = logging.getLogger(__name__)


class NoFeaturesError(SlidemillError):
    """A model that takes features, and none were given."""

    def __init__(self, description: ModelDescription) -> None:
        super().__init__(description)
        self.description = description

    def __str__(self) -> str:
        encoder = self.description.encoder
        return (
            f"the model takes features of {encoder.name if encoder else 'an encoder'}. Give their folder, --features."
        )


def predict_batch(
    slide_ids: Sequence[str],
    *,
    tiles_folder: Path,
    features_folder: Path | None = None,
    exclude: Collection[QualityFlag],
    model_file: Path,
    kept_folder: Path,
    predictions_folder: Path,
    batch_size: int = DEFAULT_BATCH_SIZE,
    threads: int = 1,
    provider: Provider = "auto",
) -> None:
    """Write the predictions of slides, all of them or none; several calls may work at the same slides at once.

    Args:
        slide_ids: the slides.
        tiles_folder: holds their tile stores.
        features_folder: holds their features by the model's encoder; for a model that takes features.
        exclude: tiles with one of these flags are not scored.
        model_file: model.keras, or the model.onnx that was made of it.
        kept_folder: where predictions wait until the batch is finished.
        predictions_folder: gets {slide_id}.zarr.zip for each slide.
        batch_size: tiles that are scored at once.
        threads: CPU threads.
        provider: what runs ONNX.
    Raises:
        SlidesFailedError: some slides could not be scored; the predictions of the others stay in `kept_folder`.
        NoFeaturesError: the model takes features, and `features_folder` is None.
        ModelFileError: the model is missing, damaged, or has no description.
        ProviderMissingError: the provider is not there.
    """
    description = describe(model_file)
    sources = _sources(slide_ids, tiles_folder, features_folder, description)
    jobs = [
        SlideJob(source, store_paths(tiles_folder, slide)[1], predictions_path(kept_folder, slide))
        for slide, source in zip(slide_ids, sources, strict=True)
    ]
    model_sha256 = file_sha256(model_file)

    def is_finished(job: SlideJob, output: Path) -> bool:
        return _is_finished(job, output, exclude, model_sha256, description.slide_tiles)

    missing = [job for job in jobs if not is_finished(job, job.output)]
    _log.info("%d slides, %d of them finished before", len(jobs), len(jobs) - len(missing))
    while True:
        failures = predict_slides(
            missing, model_file, exclude=exclude, batch_size=batch_size, threads=threads, provider=provider
        )
        if failures:
            raise SlidesFailedError([str(error) for error in failures], len(jobs))
        predictions_folder.mkdir(parents=True, exist_ok=True)
        # Another copy of this job may run at the same time, and move what both have written.
        absent = [job for job in jobs if not move_kept(job.output, predictions_folder / job.output.name)]
        missing = [job for job in absent if not is_finished(job, predictions_folder / job.output.name)]
        if not missing:
            return


def _sources(slide_ids: Sequence[str], tiles: Path, features: Path | None, description: ModelDescription) -> list[Path]:
    """What the model reads of each slide."""
    if description.encoder is None:
        return [store_paths(tiles, slide)[0] for slide in slide_ids]
    if features is None:
        raise NoFeaturesError(description)
    return [features_path(features, slide) for slide in slide_ids]


def _is_finished(
    job: SlideJob, output: Path, exclude: Collection[QualityFlag], model_sha256: str, most: int | None
) -> bool:
    """Whether another run has scored these very tiles with this very model."""
    try:
        newest_input = max(job.source.stat().st_mtime_ns, job.store.stat().st_mtime_ns)
        if output.stat().st_mtime_ns <= newest_input:
            return False
        predictions, tiles = read_predictions(output), read_store(job.store).without(exclude, most)
        return predictions.model_sha256 == model_sha256 and np.array_equal(predictions.coordinates, tiles.coordinates)
    except (FileNotFoundError, ZarrZipError):
        return False
