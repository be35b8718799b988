"""Two ranks against one process, each pinned to a core of its own, and what the exchange takes of a step.

Usage: python benchmarks/scaling.py [--architecture MobileNetV2] [--input-size 128]
"""

import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import click

ROUNDS = 3
WARM_UP_STEPS = 2
TURNS = 4
STEPS = 6  # of a turn
MPIRUN = Path(sys.executable).parent / "mpirun"


@click.command(help=__doc__)
@click.option("--architecture", default="MobileNetV2", show_default=True)
@click.option("--input-size", type=int, default=128, show_default=True)
@click.option("--batch-size", type=int, default=16, show_default=True)
@click.option("--rank", is_flag=True, hidden=True)
def main(architecture: str, input_size: int, batch_size: int, rank: bool) -> None:
    if rank:
        run_rank(architecture, input_size, batch_size)
        return
    options = ["--rank", "--architecture", architecture, "--input-size", str(input_size)]
    options += ["--batch-size", str(batch_size)]
    rounds = [(measured(1, options), measured(2, options)) for _ in range(ROUNDS)]
    ratio = statistics.median(2 * one[0] / two[0] for one, two in rounds)
    share = statistics.median(1 - two[1] / two[0] for _, two in rounds)
    print(f"{architecture}, {input_size} px, batch {batch_size}: 2 ranks give {ratio:.2f} times the tiles of 1 process")
    print(f"the exchange takes {100 * share:.0f}% of a step of 2 ranks")


def measured(ranks: int, options: list[str]) -> tuple[float, float]:
    """Median seconds of a step with and without the exchange."""
    launcher = [MPIRUN, "-n", str(ranks), "--map-by", "core", "--bind-to", "core"]
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    command = [*launcher, sys.executable, __file__, *options]
    run = subprocess.run(command, env=os.environ | as_root, check=True, capture_output=True, text=True)
    with_exchange, without = map(float, run.stdout.split())
    return with_exchange, without


def run_rank(architecture: str, input_size: int, batch_size: int) -> None:
    """Time the training step alone on random tiles, with and without the exchange in turns; rank 0 prints."""
    from slidemill.classifier.augment import DRAWS
    from slidemill.classifier.models import build_model
    from slidemill.classifier.step import tile_learning
    from slidemill.classifier.tiles import TileShape
    from slidemill.training import ranks
    from slidemill.training.backend import configure, keras, tf
    from slidemill.training.step import train_step
    from slidemill.units import TilePixels

    ranks.connect(int(os.environ["OMPI_COMM_WORLD_SIZE"]))
    configure(1)
    images = tf.cast(tf.random.uniform((batch_size, input_size, input_size, 3), 0, 256, tf.int32), tf.uint8)
    draws = tf.random.uniform((batch_size, DRAWS))
    batch = ((images, draws), tf.zeros(batch_size, tf.int64), tf.constant(1e-3), tf.constant(0.0))
    steps = []
    exchange = ranks.averaging, ranks.added
    for averaging, added in (exchange, (_own_gradients, _own_value)):
        ranks.averaging, ranks.added = averaging, added
        model = build_model(architecture, input_size=input_size, class_count=3)
        optimizer = keras.optimizers.Adam()
        optimizer.build(model.trainable_variables)
        learning = tile_learning(model, TileShape(TilePixels(input_size), input_size))
        steps.append(train_step(learning, optimizer))
        for _ in range(WARM_UP_STEPS):
            steps[-1](*batch)
    times: tuple[list[float], list[float]] = ([], [])
    for _ in range(TURNS):
        for step, own in zip(steps, times, strict=True):
            ranks.gathered_objects(None)
            for place in range(1 + STEPS):
                start = time.perf_counter()
                step(*batch)[0].numpy()
                if place > 0:  # TensorFlow may trace the first after another model's
                    own.append(time.perf_counter() - start)
    if ranks.is_first():
        print(*map(statistics.median, times))


def _own_gradients(tape: object, compression: str) -> object:
    return tape


def _own_value(value: object) -> object:
    return value


if __name__ == "__main__":
    main()
