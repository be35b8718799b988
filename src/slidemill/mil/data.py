"""What a model of bags learns from: the bags of two splits, and what it takes of their tiles."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.taken import MilInputs, TakenTiles
from slidemill.mil.taken_features import TakenFeatures
from slidemill.mil.taken_pixels import TakenPixels
from slidemill.mil.tile_values import TileValues
from slidemill.mil.training_parameters import MilParameters
from slidemill.splits import Split, SplitRow, read_splits
from slidemill.training.method import Moves

FORMAT = "slidemill mil 1"

_SPLITS: tuple[Split, ...] = ("train", "validation")


@dataclass(frozen=True, slots=True)
class BagSet:
    """The bags of a split, and where their tiles are read."""

    bags: Bags
    values: TileValues

    def facts(self) -> dict[str, Any]:
        """How much it is."""
        classes, counts = self.bags.classes, self.bags.class_counts()
        return {
            "bags": len(self.bags),
            "tiles": int(self.bags.tile_counts().sum()),
            "class_bags": dict(zip(classes, counts, strict=True)),
            "slide_tiles": {row.slide_id: row.tile_count for row in self.bags.slides},
        }


@dataclass(frozen=True, slots=True)
class MilData:
    """What is learned from, and what is validated on.

    Attributes:
        train, validation: the bags of all ranks.
        taken: what is taken of their tiles.
    """

    train: BagSet
    validation: BagSet
    taken: TakenTiles

    @classmethod
    def read(cls, inputs: MilInputs, parameters: MilParameters, moves: Moves) -> "MilData":
        """Read the splits, and make the tiles ready on this machine; called on all ranks together.

        Args:
            inputs: files to read.
            parameters: what a bag is, and what is taken of tiles.
            moves: called while this takes long.

        Raises:
            BagError: a split has no slide with tiles, or slides of a patient differ in their label.
            FeaturesMismatchError: features are not of the tiles of their store, not all of one encoder, or not finite.
            RecordsError: tile records are missing, damaged, or other than splits.tsv counted.
            TilesDifferError: slides were cut in different ways.
            ZarrZipError: a file is missing or damaged.
        """
        rows = [row for row in read_splits(inputs.splits) if row.split in _SPLITS]
        if parameters.input == "pixels":
            rows = [replace(row, tile_count=min(row.tile_count, parameters.tiles)) for row in rows]
        train, validation = (_bags_of(rows, split, inputs, parameters) for split in _SPLITS)
        taken: TakenTiles
        if parameters.input == "pixels":
            taken = TakenPixels.read(inputs, rows, parameters, train=train, validation=validation, moves=moves)
        else:
            taken = TakenFeatures.read(inputs, rows, train=train, validation=validation, moves=moves)
        return cls(BagSet(train, taken.train), BagSet(validation, taken.validation), taken)

    def facts(self, inputs: MilInputs) -> dict[str, Any]:
        """What mil.json says of it."""
        return {
            "format": FORMAT,
            "classes": list(self.train.bags.classes),
            "exclude": list(inputs.exclude),
            **self.taken.facts,
            "train": self.train.facts(),
            "validation": self.validation.facts(),
            "sha256": self.taken.sha256,
        }


def _bags_of(rows: Sequence[SplitRow], split: Split, inputs: MilInputs, parameters: MilParameters) -> Bags:
    return bags_of([row for row in rows if row.split == split], inputs.classes, bag=parameters.bag)
