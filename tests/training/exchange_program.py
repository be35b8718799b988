"""Run on 2 ranks by test_exchange.py: trains with and without the exchange of gradients, and writes the weights."""

import sys
from pathlib import Path
from typing import Any

import numpy as np

from slidemill.classifier.augment import DRAWS, Augmentation
from slidemill.classifier.models import build_model
from slidemill.classifier.step import StepOptions, tile_learning
from slidemill.classifier.tiles import TileShape
from slidemill.training import ranks
from slidemill.training.backend import keras, tf
from slidemill.training.head import classifier
from slidemill.training.step import train_step

AUGMENTATION = Augmentation(colour_jitter=0.05)
STEPS = 10
BATCH_PER_RANK = 8


def main(folder: Path) -> None:
    ranks.connect(2)
    half = slice(ranks.rank() * BATCH_PER_RANK, (ranks.rank() + 1) * BATCH_PER_RANK)
    results = {"exchanged": weights_after_training(half)} | exchanged_values()
    results |= tallies_of_a_step(half)
    results["accumulated"] = weights_after_training(half, accumulation=4)
    results["compressed"] = weights_after_training(half, compression="fp16")
    results["accumulated_and_compressed"] = weights_after_training(half, accumulation=2, compression="fp16")
    ranks.averaging = lambda tape, compression: tape
    results["not_exchanged"] = weights_after_training(half)
    results["one_process"] = weights_after_training(slice(None))
    np.savez(folder / f"rank-{ranks.rank()}.npz", **results)


def tallies_of_a_step(part: slice) -> dict[str, np.ndarray]:
    """What a step counts on this rank, on all ranks, and how many ranks were asked to stop."""
    model = model_without_batch_statistics()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    step = train_step(tile_learning(model, TileShape(24, 10)), optimizer)
    images = tf.random.stateless_uniform((16, 12, 12, 3), (1, 2), 0, 256, tf.int32)
    labels = tf.zeros(16, tf.int64)
    tiles = ((images[part], tf.ones((BATCH_PER_RANK, DRAWS))), labels[part])
    own, of_all, stopping = step(*tiles, tf.constant(0.01), tf.constant(float(ranks.is_first())))
    return {"own_tally": own.numpy(), "tally_of_all": of_all.numpy(), "stopping": stopping.numpy()}


def weights_after_training(part: slice, **options: Any) -> np.ndarray:
    """Train on a part of each joined batch of 16 and return all weights as one vector."""
    keras.utils.set_random_seed(5)
    model = model_without_batch_statistics()
    optimizer = keras.optimizers.Adam()
    optimizer.build(model.trainable_variables)
    learning = tile_learning(model, TileShape(24, 10), StepOptions(augmentation=AUGMENTATION))
    step = train_step(learning, optimizer, **options)
    generator = np.random.default_rng(6)
    for _ in range(STEPS):
        images = generator.integers(0, 256, (2 * BATCH_PER_RANK, 12, 12, 3), np.uint8)
        draws = generator.uniform(size=(2 * BATCH_PER_RANK, DRAWS)).astype(np.float32)
        labels = generator.integers(3, size=2 * BATCH_PER_RANK)
        *tiles, labels = (tf.constant(array[part]) for array in (images, draws, labels))
        step(tuple(tiles), labels, tf.constant(0.01), tf.constant(0.0))
    return np.concatenate([np.ravel(variable) for variable in model.variables])


def model_without_batch_statistics() -> keras.Model:
    inputs = keras.Input((10, 10, 3))
    x = keras.layers.Rescaling(1 / 255)(inputs)
    x = keras.layers.Conv2D(8, 3, activation="relu")(x)
    return classifier(inputs, keras.layers.Flatten()(x), class_count=3)


def exchanged_values() -> dict[str, np.ndarray]:
    """What the other functions of `ranks` make of values that differ between the ranks."""
    model = build_model("small_cnn", input_size=32, class_count=2)
    for variable in model.variables:
        variable.assign(tf.fill(variable.shape, float(ranks.rank())))
    ranks.average_statistics(model)
    statistics = np.concatenate([np.ravel(variable) for variable in model.non_trainable_variables])
    weights = np.concatenate([np.ravel(variable) for variable in model.trainable_variables])
    ranks.broadcast(model.variables)
    return {
        "statistics": statistics,
        "weights": weights,
        "broadcast": np.concatenate([np.ravel(variable) for variable in model.trainable_variables]),
        "total": ranks.total(tf.constant([1.0 + ranks.rank(), 10.0])),
        "gathered": ranks.gathered(np.full((1 + ranks.rank(), 2), float(ranks.rank()))),
        "objects": np.array(ranks.gathered_objects(ranks.rank())),
        "object": np.array(ranks.broadcast_object([ranks.rank()])),
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]))
