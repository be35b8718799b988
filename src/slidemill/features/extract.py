"""The slides of one job, from tile stores to files of features.

A slide that fails takes no other along, and a job that ended early goes on by slide: a workflow engine deletes the
outputs of a job that failed, so features go to a folder of their own first, and move to their final place when the
whole job is finished. The same job, run again, encodes only what is missing, to the same bytes.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

import slidemill
from slidemill.errors import SlidemillError
from slidemill.features.encoder import Encoder, EncoderSetup
from slidemill.features.load import load_encoder, weights_of
from slidemill.features.pipeline import SlideTiles, encode_slides
from slidemill.features.pixels import PixelSource, RecordPixels, SlidePixels, TilePixels
from slidemill.features.progress import Progress
from slidemill.features.spec import EncoderSpec, check_encoder, check_together
from slidemill.features.store import (
    FeatureStore,
    FeatureSummary,
    Precision,
    features_path,
    read_features,
    write_features,
)
from slidemill.hashing import file_sha256
from slidemill.kept import SlidesFailedError, move_kept
from slidemill.tiling.store import TileStore, read_store, store_paths
from slidemill.units import TilePixels as Side
from slidemill.zarr_zip import ZarrZipError

_LOG = logging.getLogger(__name__)


class MixedTilesError(SlidemillError):
    """Slides of one job whose tiles differ in size."""

    def __init__(self, sizes: Mapping[int, str]) -> None:
        super().__init__(sizes)
        self.sizes = sizes

    def __str__(self) -> str:
        told = ", ".join(f"{size} pixels ({slide})" for size, slide in self.sizes.items())
        return f"The slides were tiled at different sizes: {told}. Delete the tile stores that are out of date."


@dataclass(frozen=True, slots=True)
class EncoderFolders:
    """An encoder and where its features go.

    Attributes:
        spec: the encoder.
        features: gets {slide_id}.zarr.zip for each slide.
        kept: where they wait until the job is finished.
    """

    spec: EncoderSpec
    features: Path
    kept: Path


def extract_features(
    slides: Mapping[str, Path],
    encoders: Sequence[EncoderFolders],
    setup: EncoderSetup,
    *,
    tiles_folder: Path,
    source: PixelSource = "slide",
    scratch: str | None = None,
) -> None:
    """Write the features of slides by each encoder, all of them or none; the tiles of a slide are read once.

    Args:
        slides: file of each slide, by its slide_id.
        encoders: which, and where to.
        setup: how they run; its `tile_size` is replaced by that of the tile stores.
        tiles_folder: holds the slides' tile stores.
        source: where pixels come from.
        scratch: folder on a local disk where slides are copied first; None for none.

    Raises:
        SlidesFailedError: some slides could not be encoded; the features of the others stay in `kept`.
        EncoderError: an encoder does not take these tiles.
        EncoderFileError, DeviceError: an encoder cannot be loaded.
    """
    for encoder in encoders:
        if encoder.spec.terms:
            _LOG.info("terms of use: %s", encoder.spec.terms)
    check_together([encoder.spec for encoder in encoders], setup.precision)
    stores = {slide_id: read_store(store_paths(tiles_folder, slide_id)[1]) for slide_id in slides}
    job = _Job(encoders, setup, source, stores, tiles_folder)
    kept, final = [encoder.kept for encoder in encoders], [encoder.features for encoder in encoders]
    missing = [slide_id for slide_id in slides if not job.is_finished(slide_id, kept)]
    _LOG.info("%d slides, %d of them finished before", len(slides), len(slides) - len(missing))
    while True:
        errors = job.encode(
            {slide_id: _pixels(slide_id, slides, tiles_folder, source, scratch) for slide_id in missing}
        )
        if errors:
            raise SlidesFailedError([str(error) for error in errors], len(slides))
        # Another copy of this job may run at the same time, and move what both have written.
        absent = [slide_id for slide_id in slides if False in [_moved(slide_id, own) for own in encoders]]
        missing = [slide_id for slide_id in absent if not job.is_finished(slide_id, final)]
        if not missing:
            return


def _pixels(
    slide_id: str, slides: Mapping[str, Path], tiles_folder: Path, source: PixelSource, scratch: str | None
) -> TilePixels:
    if source == "slide":
        return SlidePixels(slides[slide_id], scratch)
    return RecordPixels(store_paths(tiles_folder, slide_id)[0])


class _Job:
    def __init__(
        self,
        encoders: Sequence[EncoderFolders],
        setup: EncoderSetup,
        source: PixelSource,
        stores: Mapping[str, TileStore],
        tiles_folder: Path,
    ) -> None:
        self._tiles_folder = tiles_folder
        self._encoders = encoders
        self._setup = setup
        self._source = source
        self._stores = stores
        self._hashes = [file_sha256(weights_of(encoder.spec)) for encoder in encoders]
        self._tile_size = self._checked_tile_size()

    def is_finished(self, slide_id: str, folders: Sequence[Path]) -> bool:
        """Whether another run has encoded these very tiles by these very encoders, to a folder for each."""
        newest_input = store_paths(self._tiles_folder, slide_id)[1].stat().st_mtime_ns
        return all(
            self._is_output(slide_id, encoder.spec, sha256, features_path(folder, slide_id), newest_input)
            for encoder, sha256, folder in zip(self._encoders, self._hashes, folders, strict=True)
        )

    def _is_output(self, slide_id: str, spec: EncoderSpec, sha256: str, path: Path, newest_input: int) -> bool:
        try:
            if path.stat().st_mtime_ns <= newest_input:
                return False
            features = read_features(path)
        except (FileNotFoundError, ZarrZipError):
            return False
        found = features.summary
        expected = self._summary(slide_id, spec, sha256, found.dimension, found.precision, found.versions)
        return (
            found == expected
            and self._setup.precision in (None, found.precision)
            and np.array_equal(features.coordinates, self._stores[slide_id].coordinates)
        )

    def encode(self, pixels: Mapping[str, TilePixels]) -> list[SlidemillError]:
        """Encode slides and keep their features; why some failed."""
        if not pixels:
            return []
        loaded = self._loaded()
        for encoder, own in zip(self._encoders, loaded, strict=True):
            _LOG.info("%s runs on %s in %s", encoder.spec.name, own.facts.device, own.facts.precision)
        for slide_id in pixels:
            if not len(self._stores[slide_id].coordinates):
                empty = [np.zeros((0, encoder.facts.dimension), np.float16) for encoder in loaded]
                self._keep(slide_id, loaded, empty)
        with_tiles = [
            SlideTiles(self._stores[slide_id], own)
            for slide_id, own in pixels.items()
            if len(self._stores[slide_id].coordinates)
        ]
        progress = Progress(sum(len(slide.store.coordinates) for slide in with_tiles))
        errors = encode_slides(
            with_tiles,
            loaded,
            finish=lambda slide, features: self._keep(slide.store.summary.slide_id, loaded, features),
            progress=progress,
            threads=self._setup.threads,
        )
        progress.end()
        return errors

    def _loaded(self) -> list[Encoder]:
        first, *others = self._encoders
        setup = replace(self._setup, tile_size=self._tile_size)
        loaded = [load_encoder(first.spec, setup)]
        setup = replace(setup, batch_size=loaded[0].batch_size)  # they share batches
        return loaded + [load_encoder(other.spec, setup) for other in others]

    def _keep(self, slide_id: str, loaded: Sequence[Encoder], features: Sequence[np.ndarray]) -> None:
        for encoder, own, sha256, rows in zip(self._encoders, loaded, self._hashes, features, strict=True):
            facts = own.facts
            versions = {"slidemill": slidemill.__version__} | facts.versions
            summary = self._summary(slide_id, encoder.spec, sha256, facts.dimension, facts.precision, versions)
            store = FeatureStore(summary, rows, self._stores[slide_id].coordinates)
            write_features(features_path(encoder.kept, slide_id), store)
        _LOG.info("%s: %d tiles", slide_id, len(features[0]))

    def _summary(
        self,
        slide_id: str,
        spec: EncoderSpec,
        sha256: str,
        dimension: int,
        precision: Precision,
        versions: dict[str, str],
    ) -> FeatureSummary:
        tiles = self._stores[slide_id].summary
        return FeatureSummary(
            slide_id=tiles.slide_id,
            patient_id=tiles.patient_id,
            status=tiles.status,
            reason=tiles.reason,
            encoder=spec.name,
            weights_sha256=sha256,
            dimension=dimension,
            input_size=spec.input_size,
            mpp=tiles.parameters["mpp"],
            tile_size=Side(tiles.parameters["tile_size"]),
            tile_extent=tiles.tile_extent,
            normalisation=_normalisation(spec),
            pooling=spec.pooling,
            precision=precision,
            source=self._source,
            versions=versions,
            fit=spec.fit,
        )

    def _checked_tile_size(self) -> int:
        sizes: dict[int, str] = {}
        for slide_id, store in self._stores.items():
            sizes.setdefault(store.summary.parameters["tile_size"], slide_id)
            for encoder in self._encoders:
                parameters = store.summary.parameters
                check_encoder(encoder.spec, tile_size=parameters["tile_size"], mpp=parameters["mpp"])
        if len(sizes) > 1:
            raise MixedTilesError(sizes)
        return next(iter(sizes), 0)


def _normalisation(spec: EncoderSpec) -> dict[str, list[float]]:
    if spec.normalisation is None:
        return {}
    return {"mean": list(spec.normalisation.mean), "std": list(spec.normalisation.std)}


def _moved(slide_id: str, encoder: EncoderFolders) -> bool:
    """Move a slide's features to their final place; False where they are not in the kept folder any more."""
    encoder.features.mkdir(parents=True, exist_ok=True)
    return move_kept(features_path(encoder.kept, slide_id), features_path(encoder.features, slide_id))
