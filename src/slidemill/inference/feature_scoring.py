"""A loaded model that takes features, and the tiles that it scores."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from slidemill.features.checks import refuse_other_encoder
from slidemill.features.store import FeatureStore, read_features
from slidemill.inference.feature_model import FeatureModel
from slidemill.inference.scorer import ScoredTiles
from slidemill.training.description import EncoderDescription, ModelDescription

_TILES_AT_ONCE = 4096


class FeatureScorer:
    """A model that takes features in memory, for the features of any number of slides."""

    def __init__(self, model_file: Path, description: ModelDescription, model: FeatureModel) -> None:
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
        """Score tiles by their features.

        Args:
            source: the features.
            is_used: (tiles,) bool, which of its tiles to score; where it knows fewer or more tiles, all are scored.

        Raises:
            ZarrZipError: the file is missing or damaged.
            FeaturesMismatchError: the features are of another encoder than the model's.
        """
        own = self._features.read(source, is_used)
        return ScoredTiles(own.coordinates, self.tile_scores(own.features))

    def tile_scores(self, features: np.ndarray) -> np.ndarray:
        """Score tiles whose features are in memory.

        Args:
            features: (tiles, dimension) float16.

        Returns:
            (tiles, classes) float32.
        """
        starts = range(0, len(features), _TILES_AT_ONCE)
        parts = [self._model.scores(features[start : start + _TILES_AT_ONCE].astype(np.float32)) for start in starts]
        return np.concatenate([np.zeros((0, self._class_count), np.float32), *parts])


class FeaturesOfModel:
    """The features that a model takes: those of its encoder."""

    def __init__(self, model_file: Path, description: ModelDescription, encoder: EncoderDescription) -> None:
        """Note what they have to be.

        Args:
            model_file: model.keras, to be named where they are not.
            description: of the model.
            encoder: the one of the description.
        """
        self._model_file = model_file
        self._expected = _expected_facts(description, encoder)

    def read(self, source: Path, is_used: np.ndarray) -> FeatureStore:
        """The features of a slide's used tiles.

        Args:
            source: the features.
            is_used: (tiles,) bool, which of its tiles to use; where it knows fewer or more tiles, all are used.

        Raises:
            ZarrZipError: the file is missing or damaged.
            FeaturesMismatchError: the features are of another encoder than the model's.
        """
        own = read_features(source)
        refuse_other_encoder(source, own.summary, self._expected, str(self._model_file))
        used = is_used if len(is_used) == len(own.features) else np.ones(len(own.features), np.bool_)
        return replace(own, features=own.features[used], coordinates=own.coordinates[used])


def _expected_facts(description: ModelDescription, encoder: EncoderDescription) -> dict[str, object]:
    """What features have to say of themselves to be of the encoder of a model, see `refuse_other_encoder`."""
    return {
        "encoder": encoder.name,
        "weights_sha256": encoder.weights_sha256,
        "dimension": encoder.dimension,
        "input_size": description.input_size_px,
        "fit": description.input_fit,
        "normalisation": encoder.normalisation,
        "pooling": encoder.pooling,
    }
