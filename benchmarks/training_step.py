"""A training step of the tile classifier against keras.Model.fit, on the same decoded tiles in memory.

Both change tiles at random in the same way and learn by Adam. Each way has a process of its own, and they take turns.

Usage: python benchmarks/training_step.py [--architecture MobileNetV2] [--input-size 128] [--threads 2]
"""

import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from itertools import cycle
from typing import Any

import click
import numpy as np

STEPS = 20  # of a turn
TURNS = 7
BATCHES = 4  # that are gone through again and again
CLASSES = 3
JITTER = 0.05

WAYS = {
    "slidemill": "slidemill",
    "fit": "fit, operations deterministic as slidemill's",
    "fit-as-it-comes": "fit as it comes, not deterministic",
}

Turn = Callable[[], Any]


@click.command(help=__doc__)
@click.option("--architecture", default="MobileNetV2", show_default=True)
@click.option("--input-size", type=int, default=128, show_default=True)
@click.option("--batch-size", type=int, default=16, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--way", type=click.Choice(list(WAYS)), multiple=True, default=list(WAYS), show_default="all")
@click.option("--process", is_flag=True, hidden=True)
def main(
    architecture: str, input_size: int, batch_size: int, threads: int, way: tuple[str, ...], process: bool
) -> None:
    if process:
        take_turns(architecture, input_size, batch_size, threads, way[0])
        return
    options = ["--architecture", architecture, "--input-size", str(input_size), "--batch-size", str(batch_size)]
    measured = in_turns([[*options, "--threads", str(threads), "--process", "--way", name] for name in way])
    print(f"{architecture}, {input_size} px, batch {batch_size}, {threads} threads; ms a step, median of {TURNS} turns")
    for name, (starts, turns) in zip(way, measured, strict=True):
        cpu, wall = (statistics.median(times) for times in zip(*turns, strict=True))
        print(f"{WAYS[name]:45} CPU {cpu:7.1f}  wall {wall:7.1f}  first turn and all before it: CPU {starts:.1f} s")


def in_turns(options: list[list[str]]) -> list[tuple[float, list[tuple[float, float]]]]:
    """Of each way the CPU seconds until its first turn, and CPU and wall milliseconds of a step in each turn."""
    processes = [
        subprocess.Popen([sys.executable, __file__, *own], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for own in options
    ]
    starts = [float(_asked(process)) for process in processes]
    turns: list[list[tuple[float, float]]] = [[] for _ in processes]
    for _ in range(TURNS):
        for process, own in zip(processes, turns, strict=True):
            cpu, wall = map(float, _asked(process).split())
            own.append((cpu, wall))
    for process in processes:
        process.communicate()
    return list(zip(starts, turns, strict=True))


def _asked(process: subprocess.Popen[str]) -> str:
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write("\n")
    process.stdin.flush()
    return process.stdout.readline()


def take_turns(architecture: str, input_size: int, batch_size: int, threads: int, way: str) -> None:
    """The side of a process: a line in, a turn, a line out."""
    from slidemill.classifier.parameters import ClassifierParameters
    from slidemill.training.backend import configure, tf

    sys.stdin.readline()
    make = {"slidemill": slidemill, "fit": fit, "fit-as-it-comes": fit}[way]
    parameters = ClassifierParameters(
        architecture=architecture, input_size=input_size, epochs=1, batch_size=batch_size, learning_rate=1e-3, seed=1
    )
    if make is slidemill:
        from slidemill.training import ranks

        ranks.connect(1)
    configure(threads)
    if way != "fit-as-it-comes":
        tf.config.experimental.enable_op_determinism()
    turn = make(parameters)
    turn()
    print(time.process_time(), flush=True)
    while sys.stdin.readline():
        cpu, wall = time.process_time(), time.perf_counter()
        turn()
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        print(1e3 * cpu / STEPS, 1e3 * wall / STEPS, flush=True)


def slidemill(parameters: Any) -> Turn:
    """An epoch, whose validation is one tile."""
    from slidemill.classifier.augment import Augmentation
    from slidemill.classifier.step import StepOptions, tile_learning, tile_scoring
    from slidemill.training.backend import tf
    from slidemill.training.loop import EpochLoop, Position, Signals
    from slidemill.training.method import Batch
    from slidemill.training.optimizer import build_optimizer
    from slidemill.training.schedule import LearningRateSchedule
    from slidemill.training.step import train_step, validation_step

    model, shape = _model(parameters), _shape(parameters)
    learning = tile_learning(model, shape, StepOptions(augmentation=Augmentation(JITTER)))
    batches = [
        Batch((images, draws), labels, tf.fill(labels.shape, "")) for images, draws, labels in _tiles(parameters)
    ]
    one = Batch((batches[0].inputs[0][:1],), batches[0].labels[:1], batches[0].slides[:1])
    loop = EpochLoop(
        model=model,
        train_step=train_step(learning, build_optimizer(parameters, learning.variables)),
        validation_step=validation_step(tile_scoring(model, shape)),
        batches=cycle(batches),
        validation=[one],
        schedule=LearningRateSchedule(learning_rate=1e-3, batches_per_step=1, steps_per_epoch=STEPS, epochs=1),
        first_epoch=0,
        signals=Signals(
            lambda: False, lambda: None, lambda row: None, lambda steps: False, lambda position, ranks: None
        ),
        examples="tiles",
    )
    return lambda: loop.run(Position(0, 0, np.zeros(3)))


def fit(parameters: Any) -> Turn:
    """An epoch of Keras' own loop, which gets tiles from a pipeline that changes them."""
    from slidemill.classifier.augment import Augmentation, augmented
    from slidemill.classifier.tiles import model_input
    from slidemill.training.backend import keras, tf
    from slidemill.training.head import logits_model

    model, shape = logits_model(_model(parameters)), _shape(parameters)
    tiles = [tf.stack(values) for values in zip(*_tiles(parameters), strict=True)]

    def changed(images: Any, draws: Any, labels: Any) -> tuple[Any, Any]:
        return augmented(model_input(images, shape), Augmentation(JITTER), draws), labels

    batches = tf.data.Dataset.from_tensor_slices(tuple(tiles)).repeat().map(changed).prefetch(2)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(1e-3), loss, metrics=["accuracy"])
    return lambda: model.fit(batches, steps_per_epoch=STEPS, epochs=1, verbose=0)


def _model(parameters: Any) -> Any:
    from slidemill.classifier.models import build_model

    return build_model(parameters.architecture, input_size=parameters.input_size, class_count=CLASSES)


def _shape(parameters: Any) -> Any:
    from slidemill.classifier.tile_shape import TileShape
    from slidemill.units import TilePixels

    return TileShape(TilePixels(parameters.input_size), parameters.input_size)


def _tiles(parameters: Any) -> Iterator[tuple[Any, Any, Any]]:
    """Batches of random pixels, the random numbers by which they are changed, and classes."""
    from slidemill.classifier.augment import DRAWS
    from slidemill.training.backend import tf

    generator = np.random.default_rng(0)
    batch, side = parameters.batch_size, parameters.input_size
    for _ in range(BATCHES):
        yield (
            tf.constant(generator.integers(0, 256, (batch, side, side, 3), np.uint8)),
            tf.constant(generator.random((batch, DRAWS)), tf.float32),
            tf.constant(generator.integers(CLASSES, size=batch), tf.int64),
        )


if __name__ == "__main__":
    main()
