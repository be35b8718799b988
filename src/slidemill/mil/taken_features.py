"""A model of bags takes the features of tiles by one encoder."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from slidemill.features.checks import encoder_facts
from slidemill.features.store import FeatureSummary
from slidemill.mil.bags import Bags
from slidemill.mil.batches import TILES_AT_ONCE
from slidemill.mil.model import feature_bag_model
from slidemill.mil.node_features import features_sha256, node_features
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.step import Preparation, features_as_they_are
from slidemill.mil.taken import MilInputs
from slidemill.mil.tile_networks import FeatureStatistics
from slidemill.mil.tile_values import FeatureFiles, TileValues
from slidemill.splits.table import SplitRow
from slidemill.training import ranks
from slidemill.training.backend import keras
from slidemill.training.description import EncoderDescription
from slidemill.training.method import Moves
from slidemill.training.parameters import Precision


@dataclass(frozen=True)
class TakenFeatures:
    """See `slidemill.mil.taken.TakenTiles`.

    Attributes:
        train, validation: of all tiles.
        slides: those of `train`.
        encoder: what the features say of themselves.
        sha256: of slides, labels, splits and features.
        moves: called while features are looked through.
    """

    train: TileValues
    validation: TileValues
    slides: Sequence[SplitRow]
    encoder: FeatureSummary
    sha256: str
    moves: Moves
    tiles_at_once: int = TILES_AT_ONCE

    @classmethod
    def read(
        cls, inputs: MilInputs, rows: Sequence[SplitRow], *, train: Bags, validation: Bags, moves: Moves
    ) -> "TakenFeatures":
        """Make the features ready on this machine; called on all ranks together.

        Args:
            inputs: files to read.
            rows: of both splits, slides without tiles among them.
            train, validation: the bags of all ranks.
            moves: called while this takes long.

        Raises:
            FeaturesMismatchError: features are not of the tiles of their store, not all of one encoder, or not finite.
            ZarrZipError: a file is missing or damaged.
        """
        assert inputs.features is not None  # noqa: S101 - the parameters say that they are taken
        files = FeatureFiles(train.slides, inputs.features, inputs.tiles, inputs.exclude).like_the_first()
        of_train, of_validation = (
            node_features(replace(files, slides=bags.slides), inputs.node_folder, moves) for bags in (train, validation)
        )
        sha256 = features_sha256(rows, inputs.features, inputs.exclude) if ranks.is_first() else ""
        return cls(of_train, of_validation, train.slides, files.summary(), ranks.broadcast_object(sha256), moves)

    @property
    def name(self) -> str:
        """The encoder."""
        return self.encoder.encoder

    @property
    def facts(self) -> dict[str, Any]:
        """Of the encoder and its tiles."""
        return {"features": encoder_facts(self.encoder) | {"precision": self.encoder.precision}}

    @property
    def tracked(self) -> dict[str, Any]:
        """The encoder and its tiles."""
        return encoder_facts(self.encoder)

    @property
    def described(self) -> dict[str, Any]:
        """The tiles as the encoder takes them, and the encoder."""
        encoder = self.encoder
        return {
            "tile_size_px": encoder.tile_size,
            "tile_mpp": encoder.mpp,
            "input_size_px": encoder.input_size,
            "input_fit": "resize",
            "encoder": EncoderDescription(
                name=encoder.encoder,
                weights_sha256=encoder.weights_sha256,
                dimension=encoder.dimension,
                normalisation=encoder.normalisation,
                pooling=encoder.pooling,
            ),
        }

    @property
    def preparation(self) -> Preparation:
        """Features are taken as they are."""
        return features_as_they_are(self.encoder.dimension)

    def build_model(
        self, parameters: MilModelParameters, *, class_count: int, precision: Precision = "float32"
    ) -> keras.Model:
        """A model that standardises features by those of the train slides."""
        return feature_bag_model(
            parameters,
            dimension=self.encoder.dimension,
            class_count=class_count,
            statistics=self._statistics,
            precision=precision,
        )

    @cached_property
    def _statistics(self) -> FeatureStatistics:
        return FeatureStatistics.of(_Told(self.train, self.moves), [row.tile_count for row in self.slides])


@dataclass(frozen=True, slots=True)
class _Told:
    """Values of tiles, whose reading is told."""

    values: TileValues
    moves: Moves

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        self.moves()
        return self.values.of_slide(place, chosen)
