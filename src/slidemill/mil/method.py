"""Multiple instance learning as a method of the engine: bags of tiles, and a model that takes them."""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.atomic import write_text
from slidemill.mil.bags import Bags
from slidemill.mil.batches import BagBatch, training_batches, training_step_count, whole_bags
from slidemill.mil.data import BagSet, MilData
from slidemill.mil.step import bag_learning, bag_scoring
from slidemill.mil.taken import MilInputs
from slidemill.mil.training_parameters import MilParameters
from slidemill.training import ranks
from slidemill.training.backend import keras, on_host, tf
from slidemill.training.description import ModelDescription
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
        RecordsError: tile records are missing, damaged, or other than splits.tsv counted.
        TilesDifferError: slides were cut in different ways.
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
    """

    facts: Path
    parameters: MilParameters
    threads: int
    data: MilData
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
        data = MilData.read(inputs, parameters, moves)
        if ranks.is_first():
            document = data.facts(inputs) | {"parameters": asdict(parameters)}
            write_text(facts, json.dumps(document, indent=1) + "\n")
        return cls(facts, parameters, setup.threads, data)

    @property
    def name(self) -> str:
        """The pooling, and what is taken of tiles."""
        return f"mil {self.parameters.pooling} on {self.data.taken.name}"

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
        """Of slides, labels, splits and what is taken of tiles."""
        return self.data.taken.sha256

    @property
    def description(self) -> ModelDescription:
        """What the model file says of the model."""
        return ModelDescription(
            architecture=self.parameters.pooling,
            classes=self.classes,
            training_data_sha256=self.data_sha256,
            versions=software("horovod"),
            method="mil",
            **self.data.taken.described,
        )

    @property
    def tracked_files(self) -> tuple[Path, ...]:
        """What it learned from."""
        return (self.facts,)

    @property
    def tracked_parameters(self) -> dict[str, Any]:
        """The method, and what is taken of tiles."""
        return {"method": "mil", **self.data.taken.tracked}

    @property
    def steps_per_epoch(self) -> int:
        """Steps of an epoch, in each of which all ranks share one batch."""
        return training_step_count(self.data.train.bags, self.parameters.drawing)

    def build_model(self, precision: Precision = "float32") -> keras.Model:
        """Build the model."""
        keras.utils.clear_session()  # layer names must not depend on what the process built before
        return self.data.taken.build_model(self.parameters.model, class_count=len(self.classes), precision=precision)

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
        draws = self.data.taken.preparation.draws
        for batch in batches:
            shares = batch.weights * np.float32(ranks.count() / batch.bags_of_step)
            random = [batch.random_numbers(draws)] if draws else []
            yield _batch(self.data.train.bags, batch, shares, *random)

    def validation_batches(self) -> Iterable[Batch]:
        """Bags of this rank with all their tiles."""
        return _WholeBags(self.data.validation, self.threads, self.data.taken.tiles_at_once)

    def learning(self, model: keras.Model, *, head_only: bool) -> Learning:
        """From bags of which tiles may have been drawn."""
        assert not head_only  # noqa: S101 - there are no frozen epochs
        chosen = self.parameters
        return bag_learning(
            model,
            self.data.taken.preparation,
            label_smoothing=chosen.label_smoothing,
            class_weights=class_weights(chosen.class_weights, self.data.train.bags.class_counts()),
        )

    def scoring(self, model: keras.Model) -> Scoring:
        """From whole bags."""
        return bag_scoring(model, self.data.taken.preparation)


@dataclass(frozen=True, slots=True)
class _WholeBags:
    """The batches of a validation, which is gone through once in each epoch."""

    part: BagSet
    threads: int
    tiles_at_once: int

    def __iter__(self) -> Iterator[Batch]:
        bags, values = self.part.bags, self.part.values
        batches = whole_bags(
            bags,
            values,
            rank=ranks.rank(),
            ranks=ranks.count(),
            threads=self.threads,
            tiles_at_once=self.tiles_at_once,
        )
        return (_batch(bags, batch) for batch in batches)


def _batch(bags: Bags, batch: BagBatch, *others: np.ndarray) -> Batch:
    names: Sequence[str] = ["" if number < 0 else bags.bags[number].name for number in batch.bags.tolist()]
    with on_host():
        return Batch(
            inputs=tuple(map(tf.constant, (batch.tiles, batch.mask, *others))),
            labels=tf.constant([-1 if number < 0 else label for number, label in _numbered(batch)], tf.int64),
            slides=tf.constant(names),
        )


def _numbered(batch: BagBatch) -> Iterable[tuple[int, int]]:
    return zip(batch.bags.tolist(), batch.labels.tolist(), strict=True)
