"""A loaded model that takes the features of all tiles of a slide."""

from pathlib import Path

import numpy as np

from slidemill.features.checks import FeaturesMismatchError
from slidemill.inference.feature_model import BagModel
from slidemill.inference.feature_scoring import FeaturesOfModel
from slidemill.inference.scorer import ScoredTiles
from slidemill.training.description import ModelDescription


class BagScorer:
    """A model of bags in memory, for the features of any number of slides, each of which is a bag."""

    def __init__(self, model_file: Path, description: ModelDescription, model: BagModel) -> None:
        """Take a model.

        Args:
            model_file: names it in errors.
            description: of the model.
            model: loaded.
        """
        assert description.encoder is not None  # noqa: S101 - the description is of a model that takes features
        self._features = FeaturesOfModel(model_file, description, description.encoder)
        self._class_count = len(description.classes)
        self._model = model

    def score(self, source: Path, is_used: np.ndarray) -> ScoredTiles:
        """Score a slide by the features of its tiles, all of them at once.

        Memory is a few times that of the features: a slide of 100,000 tiles with 1,536 numbers each takes 0.6 GB for
        these in float32.

        Args:
            source: the features.
            is_used: (tiles,) bool, which of its tiles to use; where it knows fewer or more tiles, all are used.

        Raises:
            ZarrZipError: the file is missing or damaged.
            FeaturesMismatchError: the features are of another encoder than the model's, or not finite.
        """
        own = self._features.read(source, is_used)
        features, coordinates = own.features, own.coordinates
        if not len(features):
            return ScoredTiles(coordinates, np.zeros((0, self._class_count), np.float32))
        found = self.score_bag(features, coordinates)
        numbers = (found.scores, found.slide_scores, found.attention)
        if not all(np.isfinite(values).all() for values in numbers if values is not None):
            reason = f"slide {own.summary.slide_id}: some of its numbers are not finite, or too large"
            raise FeaturesMismatchError(source, reason, "Delete it and run again to extract the features anew")
        return found

    def score_bag(self, features: np.ndarray, coordinates: np.ndarray) -> ScoredTiles:
        """Score a bag of tiles whose features are in memory.

        Args:
            features: (tiles, dimension) float16, of at least one tile.
            coordinates: (tiles, 2) int64.
        """
        found = self._model.outputs(features.astype(np.float32))
        no_tiles = np.zeros((0, self._class_count), np.float32)
        return ScoredTiles(
            coordinates, found.get("tile_scores", no_tiles), slide_scores=found["scores"], attention=found["attention"]
        )
