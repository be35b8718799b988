"""Attention over bags on the published sets of multiple instance learning: repeated 10-fold cross-validation.

    python benchmarks/mil_table.py ../shared/mil

The folder holds a file for each set, such as musk1.npz: `X` (instances, values), `bag` (instances,), the bag of each
instance, and `y` (bags,), two kinds of labels in order of the bags' numbers. The accuracy of a repetition is over all
bags, each predicted once by a model that has not seen it; the table gives the mean of the repetitions and its standard
error. One setting serves all sets and poolings; nothing is chosen by looking at bags that are tested. Beside attention
stands a support vector machine on the least and the greatest of each value in a bag.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from bag_sets import CLASSES, BagSet, set_paths
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from slidemill.mil.batches import BagBatch, training_batches, whole_bags
from slidemill.mil.class_scores import bag_losses
from slidemill.mil.model import feature_bag_model, log_scores_model
from slidemill.mil.parameters import POOLINGS, DrawingParameters, MilModelParameters, Pooling
from slidemill.training.backend import configure, keras, tf

FOLDS = 10
HIDDEN = (128, 64)
ATTENTION_WIDTH = 64
DROPOUT = 0.5
EPOCHS = 40
BAGS_PER_STEP = 8
MAX_TILES = 64  # in training; some bags of MUSK2 have a thousand
LEARNING_RATE = 1e-3
WEIGHT_DECAY = 0.01


@dataclass(frozen=True)
class Fold:
    """One training and its test."""

    train: np.ndarray
    test: np.ndarray
    seed: int


class Learner:
    """A model for each fold, all of which learn at once: their weights are stacked, and a step is vectorised over them.

    So 50 trainings of a small model take hardly longer than ten, whose time is overhead.
    """

    def __init__(self, pooling: Pooling, dimension: int, folds: int) -> None:
        self.parameters = MilModelParameters(
            pooling=pooling, hidden=HIDDEN, attention_width=ATTENTION_WIDTH, dropout=DROPOUT, seed=1
        )
        self.dimension = dimension
        self.folds = folds
        self.model = log_scores_model(self._drawn(0))
        starts = [log_scores_model(self._drawn(seed)).trainable_variables for seed in range(folds)]
        self.weights = [keras.Variable(np.stack(own)) for own in zip(*starts, strict=True)]
        self.optimizer = keras.optimizers.AdamW(LEARNING_RATE, weight_decay=WEIGHT_DECAY)
        self.optimizer.build(self.weights)
        tiles, mask = tf.TensorSpec((folds, None, None, dimension)), tf.TensorSpec((folds, None, None), tf.bool)
        labels, shares = tf.TensorSpec((folds, None), tf.int64), tf.TensorSpec((folds, None))
        self.step = tf.function(self._step, input_signature=[tiles, mask, labels, shares])

    def _drawn(self, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        return feature_bag_model(self.parameters, dimension=self.dimension, class_count=len(CLASSES))

    def _step(self, tiles: tf.Tensor, mask: tf.Tensor, labels: tf.Tensor, shares: tf.Tensor) -> None:
        # Units that dropout leaves out are drawn once for all models; no model sees another.
        states = [tf.convert_to_tensor(state.value) for state in self.model.non_trainable_variables]

        def loss_of(own: tuple[list[tf.Tensor], tf.Tensor, tf.Tensor, tf.Tensor, tf.Tensor]) -> tf.Tensor:
            weights, tiles, mask, labels, shares = own
            logs, _ = self.model.stateless_call(weights, states, {"tiles": tiles, "mask": mask}, training=True)
            return tf.reduce_sum(bag_losses(logs, labels) * shares) / tf.reduce_sum(shares)

        weights = [tf.convert_to_tensor(weight.value) for weight in self.weights]
        with tf.GradientTape() as tape:
            tape.watch(weights)
            losses = tf.vectorized_map(loss_of, (weights, tiles, mask, labels, shares), fallback_to_while_loop=False)
            loss = tf.reduce_sum(losses)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), self.weights, strict=True))
        for variable in self.model.non_trainable_variables:
            variable.assign(variable + tf.constant([0, 1], variable.dtype))

    def learn(self, own: BagSet, folds: list[Fold]) -> None:
        builders = [_builders(own, fold) for fold in folds]
        for together in zip(*builders, strict=True):
            self.step(*_stacked([build() for build in together]))

    def right(self, own: BagSet, number: int, fold: Fold) -> int:
        """How many test bags the model of a fold has right."""
        for variable, stacked in zip(self.model.trainable_variables, self.weights, strict=True):
            variable.assign(stacked[number])
        count = 0
        for batch in whole_bags(*own.part(fold.test, *own.statistics(fold.train)), rank=0, ranks=1, threads=1):
            logs = self.model({"tiles": batch.tiles, "mask": batch.mask}, training=False)
            count += int((np.argmax(logs, axis=1) == batch.labels).sum())
        return count


def _builders(own: BagSet, fold: Fold) -> Sequence[Callable[[], BagBatch]]:
    drawing = DrawingParameters(bags_per_step=BAGS_PER_STEP, max_tiles=MAX_TILES, seed=fold.seed)
    part = own.part(fold.train, *own.statistics(fold.train))
    return training_batches(*part, drawing, epochs=range(EPOCHS), skipped=0, rank=0, ranks=1, threads=1).builders


def _stacked(batches: Sequence[BagBatch]) -> tuple[np.ndarray, ...]:
    """The batches of all folds, padded to the largest; a bag that is not there has a share of 0."""
    bags = max(len(batch.labels) for batch in batches)
    length = max(batch.tiles.shape[1] for batch in batches)
    tiles = np.zeros((len(batches), bags, length, batches[0].tiles.shape[2]), np.float32)
    mask = np.zeros((len(batches), bags, length), np.bool_)
    mask[:, :, 0] = True
    labels, shares = np.zeros((len(batches), bags), np.int64), np.zeros((len(batches), bags), np.float32)
    for place, batch in enumerate(batches):
        count, own = batch.mask.shape
        tiles[place, :count, :own] = batch.tiles
        mask[place, :count, :own] = batch.mask
        labels[place, :count], shares[place, :count] = batch.labels, batch.weights
    return tiles, mask, labels, shares


def splits(labels: np.ndarray, repetition: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repetition)
    yield from folds.split(np.zeros(len(labels)), labels)


def accuracies_of_attention(own: BagSet, pooling: Pooling, repetitions: int) -> list[float]:
    folds = [
        Fold(*parts, seed=repetition * FOLDS + number)
        for repetition in range(repetitions)
        for number, parts in enumerate(splits(own.labels, repetition))
    ]
    learner = Learner(pooling, own.values.shape[1], len(folds))
    learner.learn(own, folds)
    right = np.array([learner.right(own, number, fold) for number, fold in enumerate(folds)])
    return (right.reshape(repetitions, FOLDS).sum(axis=1) / len(own.labels)).tolist()


def accuracies_of_svm(own: BagSet, repetitions: int) -> list[float]:
    bags = range(len(own.labels))
    summary = np.stack([np.concatenate([own.of(bag).min(axis=0), own.of(bag).max(axis=0)]) for bag in bags])
    accuracies = []
    for repetition in range(repetitions):
        right = 0
        for train, test in splits(own.labels, repetition):
            machine = make_pipeline(StandardScaler(), SVC(C=10.0)).fit(summary[train], own.labels[train])
            right += int((machine.predict(summary[test]) == own.labels[test]).sum())
        accuracies.append(right / len(own.labels))
    return accuracies


@click.command(help=__doc__)
@click.argument("folder", type=Path)
@click.option("--pooling", "poolings", type=click.Choice(POOLINGS), multiple=True, help="Those to try; all.")
@click.option("--set", "names", multiple=True, help="Names of sets; all of the folder.")
@click.option("--repetitions", type=int, default=5, show_default=True)
@click.option("--threads", type=int, default=1, show_default=True)
def main(folder: Path, poolings: tuple[Pooling, ...], names: tuple[str, ...], repetitions: int, threads: int) -> None:
    configure(threads)
    for path in set_paths(folder, names):
        own = BagSet.read(path, least_bags=FOLDS)
        print(
            f"{path.stem}: {len(own.labels)} bags, {own.labels.sum()} positive, {len(own.values)} instances", flush=True
        )
        for way in ("svm", *(poolings or POOLINGS)):
            start = time.perf_counter()
            found = np.array(
                accuracies_of_svm(own, repetitions) if way == "svm" else accuracies_of_attention(own, way, repetitions)
            )
            error = found.std(ddof=1) / len(found) ** 0.5 if len(found) > 1 else float("nan")
            seconds = time.perf_counter() - start
            print(f"  {way}: {found.mean():.3f} +- {error:.3f} in {seconds:.0f} s", flush=True)


if __name__ == "__main__":
    main()
