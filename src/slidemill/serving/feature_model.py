"""A model that takes features, behind the encoder that makes them of tiles; imports TensorFlow."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.errors import ConfigError
from slidemill.features.encoder import EncoderFileError, EncoderSetup
from slidemill.features.load import load_encoder
from slidemill.features.spec import check_encoder, find_encoder
from slidemill.hashing import file_sha256
from slidemill.inference.bag_scoring import BagScorer
from slidemill.inference.feature_model import load_bag_model, load_feature_model
from slidemill.inference.feature_scoring import FeatureScorer
from slidemill.onnx_session import Provider
from slidemill.serving.served_model import Scored
from slidemill.serving.tile_images import stored_pixels
from slidemill.training.description import ModelDescription

_HEAD_THREADS = 1  # the encoder's work is divided among threads, and the rest is next to nothing


class FeatureModel:
    """A linear probe, or attention, on features; see `ServedModel`."""

    takes_stored_tiles = False
    scores_rows_together = True

    def __init__(
        self,
        model_file: Path,
        description: ModelDescription,
        entries: Mapping[str, Mapping[str, Any]],
        *,
        threads: int,
        provider: Provider = "auto",
    ) -> None:
        """Load the model and its encoder.

        Args:
            model_file: model.keras or model.onnx.
            description: of the model.
            entries: `features.encoders` of the config.
            threads: CPU threads.
            provider: what runs a model.onnx.

        Raises:
            EncoderError: the encoder is not known, or does not take these tiles.
            EncoderFileError: its file is missing, damaged, or of other weights than the model learned from.
            ConfigError: it runs in another environment.
        """
        wanted = description.encoder
        assert wanted is not None  # noqa: S101 - the description is of a model that takes features
        spec = find_encoder(wanted.name, entries)
        if spec.kind == "torch":
            raise ConfigError(
                f"the model takes features of {spec.name}, which needs PyTorch, and models are served in the "
                "environment of TensorFlow. Extract features and score slides by the workflow."
            )
        check_encoder(spec, tile_size=description.tile_size_px, mpp=description.tile_mpp)
        self.description = description
        self.sha256 = file_sha256(model_file)
        self.scored = self._scored_by(model_file, description, provider)
        setup = EncoderSetup(tile_size=description.tile_size_px, threads=threads)
        self._encoder = load_encoder(spec, setup)
        if self._encoder.facts.weights_sha256 != wanted.weights_sha256:
            raise EncoderFileError(spec, "its weights are not those that the model has learned from")
        self._side = description.tile_size_px
        self._workers = ThreadPoolExecutor(self._encoder.workers, thread_name_prefix="encode")
        at_once = self._encoder.batch_size * self._encoder.workers
        self.largest_batch = 1 << at_once.bit_length() - 1

    def pixels(self, image: bytes) -> np.ndarray:
        """Decode a whole tile."""
        return stored_pixels(image, self._side)

    def rows(self, images: np.ndarray) -> np.ndarray:
        """The features of each tile, (tiles, dimension) float16, as a file of features holds them."""
        size = self._encoder.batch_size
        parts = [images[start : start + size] for start in range(0, len(images), size)]
        return np.concatenate(list(self._workers.map(self._encoded, parts))).astype(np.float16)

    def _encoded(self, images: np.ndarray) -> np.ndarray:
        """Features do not depend on what else a batch holds, so that it may be empty in part."""
        batch = self._encoder.new_batch()
        batch[: len(images)] = images
        return self._encoder.submit(batch)()[: len(images)]

    @staticmethod
    def _scored_by(
        model_file: Path, description: ModelDescription, provider: Provider
    ) -> Callable[[np.ndarray], Scored]:
        if description.method == "probe":
            head = load_feature_model(model_file, description, threads=_HEAD_THREADS, provider=provider)
            probe = FeatureScorer(model_file, description, head)
            return lambda rows: Scored(probe.tile_scores(rows))
        of_bags = load_bag_model(model_file, description, threads=_HEAD_THREADS, provider=provider)
        bags = BagScorer(model_file, description, of_bags)

        def score_bag(rows: np.ndarray) -> Scored:
            found = bags.score_bag(rows, np.zeros((len(rows), 2), np.int64))
            return Scored(found.scores, found.slide_scores, found.attention)

        return score_bag
