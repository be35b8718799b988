"""Attention over nuclei, from pixels: the colon set of Ilse et al. 2018 by repeated 10-fold cross-validation.

    python benchmarks/mil_colon.py ../shared/colon

The folder holds 100 images of H&E, 500 x 500 pixels, and nuclei.csv (image, class, x, y). A bag is an image, its tiles
are 27 x 27 pixels around each nucleus, and it is positive when one of them is epithelial; no model is told which. The
network is that of the paper. Told are the AUC over all bags, each scored by the model of a fold that has not seen it;
the accuracy; and, of positive bags, the AUC of attention against whether the nucleus is epithelial, mean over bags.
"""

import csv
import time
from dataclasses import dataclass
from pathlib import Path

import click
import numpy as np
from PIL import Image
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold

from slidemill.classifier.augment import DRAWS, Augmentation, augmented
from slidemill.mil.bags import Bags, bags_of
from slidemill.mil.batches import training_batches, whole_bags
from slidemill.mil.class_scores import bag_losses
from slidemill.mil.model import log_scores_model, pixel_bag_model
from slidemill.mil.parameters import POOLINGS, DrawingParameters, MilModelParameters, Pooling
from slidemill.mil.tile_values import MappedTiles
from slidemill.splits import SplitRow
from slidemill.training.backend import configure, keras, tf

SIDE = 27
FOLDS = 10
CLASSES = ("negative", "positive")
COLOUR_JITTER = 0.05


@dataclass(frozen=True)
class Images:
    """All nuclei, image after image.

    Attributes:
        tiles: (nuclei, side, side, 3) uint8.
        epithelial: (nuclei,) bool.
        starts: (images + 1,) where each image begins.
    """

    tiles: np.ndarray
    epithelial: np.ndarray
    starts: np.ndarray

    @classmethod
    def read(cls, folder: Path) -> "Images":
        with (folder / "nuclei.csv").open(newline="") as file:
            nuclei = list(csv.DictReader(file))
        parts, kinds, counts = [], [], []
        for name in sorted({row["image"] for row in nuclei}):
            own = [row for row in nuclei if row["image"] == name]
            with Image.open(folder / f"{name}.jpg") as image:
                pixels = np.pad(np.asarray(image.convert("RGB")), ((SIDE,) * 2, (SIDE,) * 2, (0, 0)), mode="reflect")
            for row in own:
                x, y = (min(max(round(float(row[axis])), 0), 499) + SIDE - SIDE // 2 for axis in ("x", "y"))
                parts.append(pixels[y : y + SIDE, x : x + SIDE])
            kinds += [row["class"] == "epithelial" for row in own]
            counts.append(len(own))
        return cls(np.stack(parts), np.array(kinds), np.concatenate([[0], np.cumsum(counts)]))

    def labels(self) -> np.ndarray:
        return np.array([self.of(image, self.epithelial).any() for image in range(len(self.starts) - 1)], np.int64)

    def of(self, image: int, values: np.ndarray) -> np.ndarray:
        return values[self.starts[image] : self.starts[image + 1]]

    def part(self, chosen: np.ndarray) -> tuple[Bags, MappedTiles]:
        labels = self.labels()
        counts = [len(self.of(image, self.epithelial)) for image in chosen]
        rows = [
            SplitRow(f"{image:03}", f"{image:03}", CLASSES[labels[image]], "", "train", count, "usable", "")
            for image, count in zip(chosen.tolist(), counts, strict=True)
        ]
        values = np.concatenate([self.of(image, self.tiles) for image in chosen])
        return bags_of(rows, CLASSES, bag="slide"), MappedTiles(values, np.concatenate([[0], np.cumsum(counts)]))


@dataclass(frozen=True)
class Choices:
    """How each model is trained."""

    pooling: Pooling
    epochs: int
    max_tiles: int
    bags_per_step: int
    learning_rate: float
    precision: str


class Learner:
    """One compiled step for all folds, whose model is drawn anew for each."""

    def __init__(self, choices: Choices) -> None:
        self.choices = choices
        self.parameters = MilModelParameters(
            pooling=choices.pooling, hidden=(512, 512), attention_width=128, dropout=0.5, seed=1
        )
        self.model = self._drawn(0)
        self.learning = log_scores_model(self.model)
        self.optimizer = keras.optimizers.AdamW(choices.learning_rate, weight_decay=5e-4)
        self.optimizer.build(self.learning.trainable_variables)
        tiles, mask = tf.TensorSpec((None, None, SIDE, SIDE, 3), tf.uint8), tf.TensorSpec((None, None), tf.bool)
        numbers = [tf.TensorSpec((None,), tf.int64), tf.TensorSpec((2,), tf.int64), tf.TensorSpec(())]
        self.step = tf.function(self._step, input_signature=[tiles, mask, *numbers])
        self.scores = tf.function(self._scores, input_signature=[tiles, mask])

    def _drawn(self, seed: int) -> keras.Model:
        keras.utils.set_random_seed(seed)
        return pixel_bag_model(self.parameters, side=SIDE, class_count=2, precision=self.choices.precision)

    def _step(
        self, tiles: tf.Tensor, mask: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor, rate: tf.Tensor
    ) -> tf.Tensor:
        shape = tf.shape(tiles)
        flat = tf.cast(tf.reshape(tiles, (-1, SIDE, SIDE, 3)), tf.float32)
        draws = tf.random.stateless_uniform((shape[0] * shape[1], DRAWS), seed)
        turned = tf.reshape(augmented(flat, Augmentation(COLOUR_JITTER), draws), shape)
        with tf.GradientTape() as tape:
            logs = self.learning({"tiles": turned, "mask": mask}, training=True)
            loss = tf.reduce_mean(bag_losses(logs, labels))
        weights = self.learning.trainable_variables
        self.optimizer.learning_rate.assign(rate)
        self.optimizer.apply_gradients(
            zip(tape.gradient(loss, [weight.value for weight in weights]), weights, strict=True)
        )
        return loss

    def _scores(self, tiles: tf.Tensor, mask: tf.Tensor) -> dict[str, tf.Tensor]:
        return self.model({"tiles": tf.cast(tiles, tf.float32), "mask": mask}, training=False)

    def learn(self, images: Images, train: np.ndarray, seed: int) -> None:
        self.model.set_weights(self._drawn(seed).get_weights())
        for variable in self.optimizer.variables:
            if variable is not self.optimizer.learning_rate:
                variable.assign(tf.zeros_like(variable.value))
        drawing = DrawingParameters(
            bags_per_step=self.choices.bags_per_step, max_tiles=self.choices.max_tiles, seed=seed
        )
        bags, values = images.part(train)
        batches = training_batches(
            bags, values, drawing, epochs=range(self.choices.epochs), skipped=0, rank=0, ranks=1, threads=1
        )
        for number, batch in enumerate(batches):
            rate = self.choices.learning_rate * 0.5 * (1 + np.cos(np.pi * number / len(batches)))
            self.step(batch.tiles, batch.mask, batch.labels, tf.constant([seed, number], tf.int64), float(rate))

    def tested(self, images: Images, test: np.ndarray) -> tuple[np.ndarray, list[float]]:
        """Scores of the class `positive`, and the AUC of attention in each positive bag."""
        scores, attended = np.zeros(len(test)), []
        for batch in whole_bags(*images.part(test), rank=0, ranks=1, threads=1, tiles_at_once=1024):
            found = self.scores(batch.tiles, batch.mask)
            scores[batch.bags] = found["scores"][:, 1]
            for bag, attention, mask in zip(batch.bags, found["attention"].numpy(), batch.mask, strict=True):
                truth = images.of(test[bag], images.epithelial)
                if truth.any() and not truth.all():
                    attended.append(float(roc_auc_score(truth, attention[mask])))
        return scores, attended


@click.command(help=__doc__)
@click.argument("folder", type=Path)
@click.option("--pooling", type=click.Choice(POOLINGS), default="attention", show_default=True)
@click.option("--repetitions", type=int, default=5, show_default=True)
@click.option("--epochs", type=int, default=40, show_default=True)
@click.option("--max-tiles", type=int, default=256, show_default=True, help="Of a bag in each epoch of a training.")
@click.option("--bags-per-step", type=int, default=4, show_default=True)
@click.option("--learning-rate", type=float, default=3e-4, show_default=True)
@click.option("--precision", type=click.Choice(["float32", "bfloat16"]), default="float32", show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
def main(
    folder: Path,
    pooling: Pooling,
    repetitions: int,
    epochs: int,
    max_tiles: int,
    bags_per_step: int,
    learning_rate: float,
    precision: str,
    threads: int,
) -> None:
    configure(threads)
    images = Images.read(folder)
    labels = images.labels()
    print(f"{len(labels)} bags, {labels.sum()} positive, {len(images.tiles)} nuclei", flush=True)
    learner = Learner(Choices(pooling, epochs, max_tiles, bags_per_step, learning_rate, precision))
    for repetition in range(repetitions):
        scores, attended = np.zeros(len(labels)), []
        folds = StratifiedKFold(FOLDS, shuffle=True, random_state=repetition).split(labels, labels)
        for number, (train, test) in enumerate(folds):
            start = time.perf_counter()
            learner.learn(images, train, seed=repetition * FOLDS + number)
            scores[test], own = learner.tested(images, test)
            attended += own
            auc = roc_auc_score(labels[test], scores[test])
            seconds = time.perf_counter() - start
            print(f"  fold {number}: AUC {auc:.3f}, of attention {np.mean(own):.3f}, {seconds:.0f} s", flush=True)
        accuracy = np.mean((scores >= 0.5) == labels)
        auc = roc_auc_score(labels, scores)
        told = f"AUC {auc:.3f}, accuracy {accuracy:.3f}, AUC of attention {np.mean(attended):.3f}"
        print(f"{pooling}, repetition {repetition}: {told}", flush=True)


if __name__ == "__main__":
    main()
