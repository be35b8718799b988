"""Multiple instance learning as a method of the engine: bags of features, and a model that takes them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_text
from slidemill.features.checks import encoder_facts
from slidemill.mil.bags import Bags
from slidemill.mil.batches import BagBatch, training_batches, training_step_count, whole_bags
from slidemill.mil.data import BagSet, MilData, MilInputs
from slidemill.mil.model import feature_bag_model
from slidemill.mil.step import bag_learning, bag_scoring
from slidemill.mil.tile_networks import FeatureStatistics
from slidemill.mil.tile_values import TileValues
from slidemill.mil.training_parameters import MilParameters
from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.training.loss import class_weights
from slidemill.training.method import Batch, Learning, Moves, Scoring
from slidemill.training.parameters import Precision, RankSetup, TrainingOutputs
from slidemill.training.session import train
from slidemill.training.software import software


def train_mil(
    inputs: MilInputs, outputs: TrainingOutputs, facts: Path, parameters: MilParameters, setup: RankSetup
) -> None:
    """Train a model of bags together with the other ranks; see `slidemill.training.session.train`.

    Args:
        inputs: files to read.
        outputs: files to write.
        facts: mil.json, what it learned from, to write.
        parameters: how to train.
        setup: how this rank runs.

    Raises:
        BagError: a split has no slide with tiles, or slides of a patient differ in their label.
        FeaturesMismatchError: features are not of the tiles of their store, not all of one encoder, or not finite.
        ZarrZipError: a file is missing or damaged.
        SlidemillError: as `train`.
    """
    train(lambda moves: MilMethod.of(inputs, facts, parameters, setup, moves), outputs, parameters, setup)


@dataclass(frozen=True)
class MilMethod:
    """See `slidemill.training.method.Method`.

    Attributes:
        facts: mil.json.
        parameters: how to train.
        threads: CPU threads of this rank.
        data: what is learned from.
        moves: called while features are looked through.
    """

    facts: Path
    parameters: MilParameters
    threads: int
    data: MilData
    moves: Moves
    examples: str = "bags"
    weights_sha256: str = ""
    batches_per_step: int = 1  # all ranks share one

    @classmethod
    def of(
        cls, inputs: MilInputs, facts: Path, parameters: MilParameters, setup: RankSetup, moves: Moves
    ) -> "MilMethod":
        """Read what is to be learned from, and let rank 0 write what that is.

        Raises:
            SlidemillError: as `train_mil`.
        """
        data = MilData.read(inputs, bag=parameters.bag, moves=moves)
        if ranks.is_first():
            document = data.facts(inputs.exclude) | {"parameters": asdict(parameters)}
            write_text(facts, json.dumps(document, indent=1) + "\n")
        return cls(facts, parameters, setup.threads, data, moves)

    @property
    def name(self) -> str:
        """The pooling and the encoder."""
        return f"mil {self.parameters.pooling} on {self.data.encoder.encoder}"

    @property
    def summary(self) -> str:
        """The bags of all ranks."""
        train, validation = len(self.data.train.bags), len(self.data.validation.bags)
        return f"{ranks.count()} ranks with {train} bags to train on and {validation} to validate on together"

    @property
    def classes(self) -> tuple[str, ...]:
        """As the config has them."""
        return self.data.train.bags.classes

    @property
    def data_sha256(self) -> str:
        """Of slides, labels, splits and features."""
        return self.data.sha256

    @property
    def description(self) -> ModelDescription:
        """What the model file says of the model."""
        encoder = self.data.encoder
        return ModelDescription(
            architecture=self.parameters.pooling,
            classes=self.classes,
            tile_size_px=encoder.tile_size,
            tile_mpp=encoder.mpp,
            input_size_px=encoder.input_size,
            input_fit="resize",
            training_data_sha256=self.data.sha256,
            versions=software("horovod"),
            method="mil",
            encoder=EncoderDescription(
                name=encoder.encoder,
                weights_sha256=encoder.weights_sha256,
                dimension=encoder.dimension,
                normalisation=encoder.normalisation,
                pooling=encoder.pooling,
            ),
        )

    @property
    def tracked_files(self) -> tuple[Path, ...]:
        """What it learned from."""
        return (self.facts,)

    @property
    def tracked_parameters(self) -> dict[str, Any]:
        """The method and the encoder."""
        return {"method": "mil", **encoder_facts(self.data.encoder)}

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, in each of which all ranks share one batch."""
        return training_step_count(self.data.train.bags, self.parameters.drawing)

    def build_model(self, precision: Precision = "float32") -> keras.Model:
        """Build the model."""
        keras.utils.clear_session()  # layer names must not depend on what the process built before
        return feature_bag_model(
            self.parameters.model,
            dimension=self.data.encoder.dimension,
            class_count=len(self.classes),
            statistics=self._statistics,
            precision=precision,
        )

    def load_weights(self, model: keras.Model) -> None:
        """None: a model of bags starts from random weights."""

    def train_batches(self, epochs: range, *, skipped: int) -> Iterator[Batch]:
        """Bags of this rank; which bags make a step does not depend on the number of ranks."""
        batches = training_batches(
            self.data.train.bags,
            self.data.train.values,
            self.parameters.drawing,
            epochs=epochs,
            skipped=skipped,
            rank=ranks.rank(),
            ranks=ranks.count(),
            threads=self.threads,
        )
        for batch in batches:
            shares = batch.weights * (ranks.count() / batch.bags_of_step)
            yield _batch(self.data.train.bags, batch, tf.constant(shares, tf.float32))

    def validation_batches(self) -> Iterable[Batch]:
        """Bags of this rank with all their tiles."""
        return _WholeBags(self.data.validation, self.threads)

    def learning(self, model: keras.Model, *, head_only: bool) -> Learning:
        """From bags of which tiles may have been drawn."""
        assert not head_only  # noqa: S101 - there are no frozen epochs
        chosen = self.parameters
        return bag_learning(
            model,
            label_smoothing=chosen.label_smoothing,
            class_weights=class_weights(chosen.class_weights, self.data.train.bags.class_counts()),
        )

    def scoring(self, model: keras.Model) -> Scoring:
        """From whole bags."""
        return bag_scoring(model)

    @cached_property
    def _statistics(self) -> FeatureStatistics:
        return FeatureStatistics.of(
            _Told(self.data.train.values, self.moves), [row.tile_count for row in self.data.train.bags.slides]
        )


@dataclass(frozen=True, slots=True)
class _Told:
    """Values of tiles, whose reading is told."""

    values: TileValues
    moves: Moves

    def of_slide(self, place: int, chosen: np.ndarray | None = None) -> np.ndarray:
        self.moves()
        return self.values.of_slide(place, chosen)


@dataclass(frozen=True, slots=True)
class _WholeBags:
    """The batches of a validation, which is gone through once in each epoch."""

    part: BagSet
    threads: int

    def __iter__(self) -> Iterator[Batch]:
        bags, values = self.part.bags, self.part.values
        batches = whole_bags(bags, values, rank=ranks.rank(), ranks=ranks.count(), threads=self.threads)
        return (_batch(bags, batch) for batch in batches)


def _batch(bags: Bags, batch: BagBatch, *others: tf.Tensor) -> Batch:
    names: Sequence[str] = ["" if number < 0 else bags.bags[number].name for number in batch.bags.tolist()]
    return Batch(
        inputs=(tf.constant(batch.tiles), tf.constant(batch.mask), *others),
        labels=tf.constant([-1 if number < 0 else label for number, label in _numbered(batch)], tf.int64),
        slides=tf.constant(names),
    )


def _numbered(batch: BagBatch) -> Iterable[tuple[int, int]]:
    return zip(batch.bags.tolist(), batch.labels.tolist(), strict=True)
