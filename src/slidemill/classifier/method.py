"""The tile classifier as a method of the engine: tiles from shards, and a network that takes their pixels."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from slidemill.classifier.augment import Augmentation
from slidemill.classifier.input import epoch_seed, train_batches, validation_batches
from slidemill.classifier.models import build_model
from slidemill.classifier.parameters import ClassifierParameters
from slidemill.classifier.plan import ShardPlan, ShardSet, read_plan
from slidemill.classifier.source import FifoShards, FileShards, Shards
from slidemill.classifier.step import StepOptions, tile_learning, tile_scoring
from slidemill.classifier.tile_shape import TileShape
from slidemill.classifier.weights import load_weights
from slidemill.hashing import file_sha256
from slidemill.training import ranks
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription
from slidemill.training.loss import Loss, class_weights
from slidemill.training.method import Batch, Learning, Scoring
from slidemill.training.parameters import Precision, RankSetup, TrainingOutputs, TrainingParameterError
from slidemill.training.session import train
from slidemill.training.software import software


def train_classifier(
    plan_file: Path,
    outputs: TrainingOutputs,
    parameters: ClassifierParameters,
    setup: RankSetup,
    *,
    fifo_folder: Path | None = None,
) -> None:
    """Train on this rank's shards together with the other ranks; see `slidemill.training.session.train`.

    Args:
        plan_file: shards/plan.json, the shards beside it.
        outputs: files to write.
        parameters: how to train.
        setup: how this rank runs.
        fifo_folder: folder of the FIFOs from which tiles come, `train_0_0` and so on: the number of a rank on its host,
            and of the pass. None for the plan's files.

    Raises:
        ShardPlanError: the plan is missing, damaged, or its shards cannot be shared among the ranks.
        ShardDataError: a shard is missing, damaged or shorter than planned.
        ArchitectureError: the architecture is unknown or cannot take the input size.
        WeightsError: the weights file does not fit the architecture.
        SlidemillError: as `train`.
    """
    train(lambda _: TileClassifier.of(plan_file, parameters, setup, fifo_folder), outputs, parameters, setup)


@dataclass(frozen=True)
class TileClassifier:
    """See `slidemill.training.method.Method`.

    Attributes:
        plan_file: shards/plan.json.
        plan: what it says.
        parameters: how to train.
        threads: CPU threads of this rank.
        train_shards, validation_shards: those of this rank.
    """

    plan_file: Path
    plan: ShardPlan
    parameters: ClassifierParameters
    threads: int
    train_shards: Shards
    validation_shards: Shards
    examples: str = "tiles"

    @classmethod
    def of(
        cls, plan_file: Path, parameters: ClassifierParameters, setup: RankSetup, fifo_folder: Path | None
    ) -> "TileClassifier":
        """Read the plan, and find this rank's part in it.

        Raises:
            ShardPlanError: the plan is missing, damaged, or its shards cannot be shared among the ranks.
            TrainingParameterError: a crop is larger than the tiles.
        """
        plan = read_plan(plan_file, ranks=setup.expect_ranks)
        _check_crop(plan, parameters)
        train, validation = (_shards(kind, part, fifo_folder) for kind, part in plan.parts())
        return cls(plan_file, plan, parameters, setup.threads, train, validation)

    @property
    def name(self) -> str:
        """The architecture."""
        return self.parameters.architecture

    @property
    def summary(self) -> str:
        """The tiles of a rank."""
        train, validation = (part.of_rank(0, ranks.count()).tiles for _, part in self.plan.parts())
        return f"{ranks.count()} ranks with {train} tiles to train on and {validation} to validate on each"

    @property
    def classes(self) -> tuple[str, ...]:
        """As the plan has them."""
        return self.plan.classes

    @property
    def data_sha256(self) -> str:
        """Of the plan, which holds the hashes of all shards."""
        return self.plan.sha256

    @cached_property
    def weights_sha256(self) -> str:
        """Of the file; empty where there is none, or it is not there."""
        weights = self.parameters.weights
        return file_sha256(weights) if weights and weights.is_file() else ""

    @property
    def description(self) -> ModelDescription:
        """What the model file says of the model."""
        return ModelDescription(
            architecture=self.parameters.architecture,
            classes=self.plan.classes,
            tile_size_px=self.plan.tile_size,
            tile_mpp=self.plan.tile_mpp,
            input_size_px=self.parameters.input_size,
            input_fit=self.parameters.input_fit,
            training_data_sha256=self.plan.sha256,
            versions=software("horovod"),
        )

    @property
    def tracked_files(self) -> tuple[Path, ...]:
        """The plan."""
        return (self.plan_file,)

    @property
    def tracked_parameters(self) -> dict[str, Any]:
        """None besides the training's."""
        return {}

    @property
    def steps_per_epoch(self) -> int:
        """Whole steps; tiles that are left over come in other epochs, whose order is another."""
        return self._train_tiles // self._tiles_per_step

    @property
    def batches_per_step(self) -> int:
        """Each rank has a batch of its own."""
        return ranks.count()

    def build_model(self, precision: Precision = "float32") -> keras.Model:
        """Build the network."""
        return build_model(
            self.parameters.architecture,
            input_size=self.parameters.input_size,
            class_count=len(self.plan.classes),
            precision=precision,
        )

    def load_weights(self, model: keras.Model) -> None:
        """Take the weights of the user's file, if there is one."""
        if self.parameters.weights:
            load_weights(model, self.parameters.weights)

    def train_batches(self, epochs: range, *, skipped: int) -> Iterator[Batch]:
        """Tiles of this rank, shuffled anew in each epoch."""
        return iter(
            train_batches(
                self.train_shards,
                self._shape,
                epoch_seeds=[epoch_seed(self.parameters.seed, epoch=epoch, rank=ranks.rank()) for epoch in epochs],
                skipped=skipped,
                tiles=self._train_tiles,
                batch_size=self._tiles_per_step,
                threads=self.threads,
            )
        )

    def validation_batches(self) -> Iterable[Batch]:
        """Tiles of this rank, in order."""
        return validation_batches(
            self.validation_shards,
            self._shape,
            tiles=self.plan.validation.of_rank(0, ranks.count()).tiles,
            batch_size=self.parameters.batch_size,
            threads=self.threads,
        )

    def learning(self, model: keras.Model, *, head_only: bool) -> Learning:
        """From tiles that are changed at random."""
        chosen = self.parameters
        loss = Loss(chosen.label_smoothing, class_weights(chosen.class_weights, self.plan.class_tiles))
        return tile_learning(model, self._shape, StepOptions(loss, Augmentation(chosen.colour_jitter), head_only))

    def scoring(self, model: keras.Model) -> Scoring:
        """From tiles as they are."""
        return tile_scoring(model, self._shape)

    @property
    def _shape(self) -> TileShape:
        return TileShape(self.plan.tile_size, self.parameters.input_size, self.parameters.input_fit)

    @property
    def _train_tiles(self) -> int:
        return self.plan.train.of_rank(0, ranks.count()).tiles

    @property
    def _tiles_per_step(self) -> int:
        parts = self.parameters.accumulation
        return min(self.parameters.batch_size * parts, self._train_tiles) // parts * parts


def _shards(kind: str, part: ShardSet, fifo_folder: Path | None) -> Shards:
    if fifo_folder is None:
        return FileShards(part.of_rank(ranks.rank(), ranks.count()).files)
    return FifoShards.of([fifo_folder / f"{kind}_{ranks.local_rank()}"])


def _check_crop(plan: ShardPlan, parameters: ClassifierParameters) -> None:
    if parameters.input_fit == "crop" and parameters.input_size > plan.tile_size:
        expected = f"at most {plan.tile_size}, the side of the tiles, to crop from them"
        raise TrainingParameterError("input_size", parameters.input_size, expected)
