"""What a model of bags learns from: the bags of two splits, and their features where this rank reads them."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from slidemill.features.checks import encoder_facts
from slidemill.features.store import FeatureSummary
from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.node_features import features_sha256, node_features
from slidemill.mil.parameters import BagOf
from slidemill.mil.tile_values import FeatureFiles, TileValues
from slidemill.splits import Split, read_splits
from slidemill.tiling.quality import QualityFlag
from slidemill.training import ranks
from slidemill.training.method import Moves

FORMAT = "slidemill mil 1"

_SPLITS: tuple[Split, ...] = ("train", "validation")


@dataclass(frozen=True, slots=True)
class MilInputs:
    """Files to read, and what is used of them.

    Attributes:
        splits: splits.tsv.
        tiles: folder of the tile stores.
        features: folder of the features of one encoder.
        classes: in order.
        exclude: tiles with one of these flags are left out, as splits.tsv does.
        node_folder: on each machine, for the features that its ranks share; None for its folder for temporary files.
    """

    splits: Path
    tiles: Path
    features: Path
    classes: tuple[str, ...]
    exclude: Collection[QualityFlag] = ()
    node_folder: Path | None = None


@dataclass(frozen=True, slots=True)
class BagSet:
    """The bags of a split, and where the features of their tiles are read."""

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
        encoder: what the features say of themselves.
        sha256: of slides, labels, splits and features.
    """

    train: BagSet
    validation: BagSet
    encoder: FeatureSummary
    sha256: str

    @classmethod
    def read(cls, inputs: MilInputs, *, bag: BagOf, moves: Moves) -> "MilData":
        """Read the splits, and make the features ready on this machine; called on all ranks together.

        Args:
            inputs: files to read.
            bag: what is one.
            moves: called while this takes long.

        Raises:
            BagError: a split has no slide with tiles, or slides of a patient differ in their label.
            FeaturesMismatchError: features are not of the tiles of their store, not all of one encoder, or not finite.
            ZarrZipError: a file is missing or damaged.
        """
        rows = [row for row in read_splits(inputs.splits) if row.split in _SPLITS]
        bags = {
            split: bags_of([row for row in rows if row.split == split], inputs.classes, bag=bag) for split in _SPLITS
        }
        files = FeatureFiles(bags["train"].slides, inputs.features, inputs.tiles, inputs.exclude).like_the_first()
        train, validation = (
            BagSet(own, node_features(replace(files, slides=own.slides), inputs.node_folder, moves))
            for own in bags.values()
        )
        sha256 = features_sha256(rows, inputs.features, inputs.exclude) if ranks.is_first() else ""
        return cls(train, validation, files.summary(), ranks.broadcast_object(sha256))

    def facts(self, exclude: Collection[QualityFlag]) -> dict[str, Any]:
        """What mil.json says of it."""
        return {
            "format": FORMAT,
            "classes": list(self.train.bags.classes),
            "exclude": list(exclude),
            "features": encoder_facts(self.encoder) | {"precision": self.encoder.precision},
            "train": self.train.facts(),
            "validation": self.validation.facts(),
            "sha256": self.sha256,
        }
