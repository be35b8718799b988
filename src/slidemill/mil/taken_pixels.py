"""A model of bags takes the pixels of some tiles of each slide, and learns all of its layers from them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from slidemill.classifier.augment import Augmentation
from slidemill.classifier.tile_shape import TileShape
from slidemill.mil.bags import Bags
from slidemill.mil.batches import PADDED_TO
from slidemill.mil.model import pixel_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.mil.pixel_files import PixelFiles, pixels_sha256
from slidemill.mil.step import Preparation, changed_pixels
from slidemill.mil.taken import MilInputs
from slidemill.mil.training_parameters import MilParameters
from slidemill.splits.table import SplitRow
from slidemill.tiling.alike import TileSize, common_tile_size
from slidemill.training import ranks
from slidemill.training.backend import keras
from slidemill.training.method import Moves
from slidemill.training.parameters import Precision
from slidemill.units import TilePixels

_PIXELS_AT_ONCE = 4_194_304  # 256 tiles of 128 pixels; what the first convolution makes of them are 0.6 GB


@dataclass(frozen=True, slots=True)
class TakenPixels:
    """See `slidemill.mil.taken.TakenTiles`.

    Attributes:
        train, validation: of the tiles with most tissue of each slide.
        size: of the tiles as they are stored.
        parameters: how many tiles of a slide are taken, and how.
        sha256: of slides, labels, splits and pixels.
    """

    train: PixelFiles
    validation: PixelFiles
    size: TileSize
    parameters: MilParameters
    sha256: str
    name: str = "pixels"

    @classmethod
    def read(
        cls,
        inputs: MilInputs,
        rows: Sequence[SplitRow],
        parameters: MilParameters,
        *,
        train: Bags,
        validation: Bags,
        moves: Moves,
    ) -> "TakenPixels":
        """Find the tiles; called on all ranks together.

        Args:
            inputs: files to read.
            rows: of both splits, slides without tiles among them, with as many tiles as are taken of each.
            parameters: how many these are, and how they are taken.
            train, validation: the bags of all ranks.
            moves: called while this takes long.

        Raises:
            RecordsError: records are missing, damaged, or other than splits.tsv counted.
            TilesDifferError: slides were cut in different ways.
            ZarrZipError: an index is missing or damaged.
        """
        size = common_tile_size(inputs.tiles, [row.slide_id for row in (*train.slides, *validation.slides)])
        shape = TileShape(TilePixels(size.tile_size), parameters.input_size)
        of_train, of_validation = (
            PixelFiles.of(bags.slides, inputs.tiles, inputs.exclude, most=parameters.tiles, shape=shape, moves=moves)
            for bags in (train, validation)
        )
        sha256 = ""
        if ranks.is_first():
            sha256 = pixels_sha256(rows, (of_train, of_validation), inputs.exclude, moves)
        return cls(of_train, of_validation, size, parameters, ranks.broadcast_object(sha256))

    @property
    def facts(self) -> dict[str, Any]:
        """Of the tiles, and how many are taken."""
        return {
            "pixels": {
                "tiles_of_slide": self.parameters.tiles,
                "tile_size": self.size.tile_size,
                "mpp": self.size.mpp,
                "input_size": self.parameters.input_size,
            }
        }

    @property
    def tracked(self) -> dict[str, Any]:
        """Of the tiles."""
        return {"tile_size": self.size.tile_size, "mpp": self.size.mpp}

    @property
    def described(self) -> dict[str, Any]:
        """The tiles, and how many a slide has."""
        return {
            "tile_size_px": self.size.tile_size,
            "tile_mpp": self.size.mpp,
            "input_size_px": self.parameters.input_size,
            "input_fit": "resize",
            "slide_tiles": self.parameters.tiles,
        }

    @property
    def preparation(self) -> Preparation:
        """As the tile classifier brings tiles to its input and, in training, changes them."""
        return changed_pixels(self.train.shape, Augmentation(self.parameters.colour_jitter))

    @property
    def tiles_at_once(self) -> int:
        """By the memory of the convolutions."""
        return max(PADDED_TO, _PIXELS_AT_ONCE // self.parameters.input_size**2)

    def build_model(
        self, parameters: MilModelParameters, *, class_count: int, precision: Precision = "float32"
    ) -> keras.Model:
        """A network of tiles, and of bags behind it."""
        return pixel_bag_model(
            parameters, side=self.parameters.input_size, class_count=class_count, precision=precision
        )
