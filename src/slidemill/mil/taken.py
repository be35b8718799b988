"""What a model of bags takes of tiles: their features, or their pixels."""

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.step import Preparation
from slidemill.mil.tile_values import TileValues
from slidemill.tiling.quality import QualityFlag
from slidemill.training.backend import keras
from slidemill.training.parameters import Precision


@dataclass(frozen=True, slots=True)
class MilInputs:
    """Files to read, and what is used of them.

    Attributes:
        splits: splits.tsv.
        tiles: folder of the tile stores; for a model of pixels of their records as well.
        features: folder of the features of one encoder; None for a model of pixels.
        classes: in order.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        node_folder: on each machine, for the features that its ranks share; None for its folder for temporary files.
    """

    splits: Path
    tiles: Path
    features: Path | None
    classes: tuple[str, ...]
    exclude: Collection[QualityFlag] = ()
    node_folder: Path | None = None


class TakenTiles(Protocol):
    """What is taken of the tiles of two splits, and all that depends on what that is; the same on all ranks."""

    @property
    def train(self) -> TileValues:
        """Of the slides that are learned from."""

    @property
    def validation(self) -> TileValues:
        """Of the slides that are validated on."""

    @property
    def sha256(self) -> str:
        """Of slides, their labels and splits, and of what is taken of them."""

    @property
    def name(self) -> str:
        """Of what is taken, such as the encoder."""

    @property
    def facts(self) -> dict[str, Any]:
        """What mil.json says of it."""

    @property
    def tracked(self) -> dict[str, Any]:
        """What MLflow is told of it."""

    @property
    def described(self) -> dict[str, Any]:
        """Fields of the `ModelDescription`."""

    @property
    def preparation(self) -> Preparation:
        """From stored values to what the model takes."""

    @property
    def tiles_at_once(self) -> int:
        """Tiles of a batch of whole bags, by the memory that they take."""

    def build_model(
        self, parameters: MilModelParameters, *, class_count: int, precision: Precision = "float32"
    ) -> keras.Model:
        """Build a model with random weights.

        Args:
            parameters: how.
            class_count: number of classes.
            precision: of the computation.
        """
