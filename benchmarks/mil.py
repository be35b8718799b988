"""Training on bags of features: speed against a loop that takes one bag a step, and two ranks against one.

    python benchmarks/mil.py --bags 1000 --compare          # the loop, and batches, in turns in one process
    python benchmarks/mil.py --bags 64 --ranks              # one rank with one thread against two, each on a core

Bags have 500 to 5,000 tiles of 1,024 values in float16; of more than 64, the others are these once more. The loop is
that of CLAM, in TensorFlow: one bag a step, all of its tiles, read from the slide's file by the same reader; a step is
compiled once for all sizes. Batches are the library's: 8 bags a step, from features held in memory. Both have the same
model (512 hidden units, gated attention of 128) and AdamW. Each goes once through all bags, some at a time, in turns
with the others. A limit stands beside them: the matrix products of a bag, forwards and backwards, and nothing else.
Seconds of the processor count where other work runs on the machine.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import click
import numpy as np
from drawn_bags import DIMENSION, DrawnBags, tile_counts

BAGS_PER_STEP = 8
IN_TURNS = 40  # bags of a way before the next has its turn
MPIRUN = Path(sys.executable).parent / "mpirun"


def model_and_optimizer(precision: str = "float32") -> tuple[Any, Any]:
    from slidemill.mil.model import feature_bag_model
    from slidemill.mil.parameters import MilModelParameters
    from slidemill.training.backend import keras

    model = feature_bag_model(MilModelParameters(seed=1), dimension=DIMENSION, class_count=2, precision=precision)
    optimizer = keras.optimizers.AdamW(3e-4, weight_decay=0.01)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def one_bag_a_step(cohort: DrawnBags) -> Iterator[int]:
    """Steps of the loop, without an end; each gives the number of its bags."""
    from slidemill.mil.class_scores import bag_losses
    from slidemill.mil.model import log_scores_model
    from slidemill.training.backend import tf

    model, optimizer = model_and_optimizer()
    learning = log_scores_model(model)
    any_bag = [tf.TensorSpec((1, None, DIMENSION)), tf.TensorSpec((1,), tf.int64)]

    @tf.function(input_signature=any_bag)
    def step(tiles: Any, labels: Any) -> Any:
        with tf.GradientTape() as tape:
            logs = learning({"tiles": tiles, "mask": tf.ones(tf.shape(tiles)[:2], tf.bool)}, training=True)
            loss = tf.reduce_mean(bag_losses(logs, labels))
        variables = learning.trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return loss

    for epoch in count():
        for number in np.random.default_rng(epoch).permutation(len(cohort.bags)).tolist():
            label = cohort.bags.bags[number].label
            float(step(cohort.features(number)[None], np.array([label])))
            yield 1


def products_alone(cohort: DrawnBags) -> Iterator[int]:
    """The matrix products of one bag after the other, forwards and backwards, of numbers that are there.

    The first layer has no products for the gradient of its inputs, because nothing asks for it.
    """
    from slidemill.training.backend import tf

    hidden, attention = 512, 128
    draw = tf.random.Generator.from_seed(1).normal
    first, gates = draw((DIMENSION, hidden)), (draw((hidden, attention)), draw((hidden, attention)))

    @tf.function(input_signature=[tf.TensorSpec((None, DIMENSION))])
    def products(tiles: Any) -> Any:
        x = tf.matmul(tiles, first)
        both = [tf.matmul(x, gate) for gate in gates]
        backwards = [tf.matmul(own, gate, transpose_b=True) for own, gate in zip(both, gates, strict=True)]
        of_gates = [tf.matmul(x, own, transpose_a=True) for own in both]
        of_first = tf.matmul(tiles, tf.add_n(backwards), transpose_a=True)
        return tf.add_n([tf.reduce_sum(own[0]) for own in (*of_gates, of_first)])

    tiles = draw((5000, DIMENSION))
    for _ in count():
        for bag in cohort.bags.bags:
            float(products(tiles[: bag.tile_count]))
            yield 1


def batches(
    cohort: DrawnBags, *, max_tiles: int | None, precision: str, threads: int, rank: int = 0, ranks: int = 1
) -> Iterator[int]:
    """Steps of the library, without an end; each gives the number of bags of all ranks."""
    from slidemill.mil.batches import training_batches
    from slidemill.mil.parameters import DrawingParameters
    from slidemill.mil.step import bag_learning, features_as_they_are
    from slidemill.training.backend import tf
    from slidemill.training.step import train_step

    model, optimizer = model_and_optimizer(precision)
    step = train_step(bag_learning(model, features_as_they_are(DIMENSION)), optimizer)
    drawing = DrawingParameters(bags_per_step=BAGS_PER_STEP, max_tiles=max_tiles, seed=1)
    values = cohort.values()
    for epoch in count():
        for batch in training_batches(
            cohort.bags, values, drawing, epochs=[epoch], skipped=0, rank=rank, ranks=ranks, threads=threads
        ):
            shares = (batch.weights * ranks / batch.bags_of_step).astype(np.float32)
            inputs = tuple(map(tf.constant, (batch.tiles, batch.mask, shares)))
            step(inputs, tf.constant(batch.labels), tf.constant(3e-4), tf.constant(0.0))
            yield batch.bags_of_step


def padded_share(cohort: DrawnBags) -> float:
    """What share of the tiles of an epoch's batches is padding."""
    from slidemill.mil.batches import training_batches
    from slidemill.mil.parameters import DrawingParameters
    from slidemill.mil.tile_values import MappedTiles

    starts = np.concatenate([[0], np.cumsum([row.tile_count for row in cohort.bags.slides])])
    nothing = MappedTiles(np.zeros((int(starts[-1]), 0), np.float16), starts)
    drawing = DrawingParameters(bags_per_step=BAGS_PER_STEP, max_tiles=None, seed=1)
    masks = [
        batch.mask
        for batch in training_batches(cohort.bags, nothing, drawing, epochs=[0], skipped=0, rank=0, ranks=1, threads=1)
    ]
    return 1 - sum(mask.sum() for mask in masks) / sum(mask.size for mask in masks)


class Timed:
    """What a way has taken so far."""

    def __init__(self, steps: Iterator[int]) -> None:
        self.steps = steps
        self.bags, self.wall, self.cpu = 0, 0.0, 0.0

    def go_on(self, bags: int, *, counts: bool) -> None:
        """Learn from about so many bags more."""
        start, busy = time.perf_counter(), time.process_time()
        learned = 0
        while learned < bags:
            learned += next(self.steps)
        if counts:
            self.bags += learned
            self.wall += time.perf_counter() - start
            self.cpu += time.process_time() - busy


def compare(cohort: DrawnBags, threads: int) -> None:
    from slidemill.training import ranks

    ranks.connect(None)
    print(f"{padded_share(cohort):.3f} of the tiles of batches are padding", flush=True)
    steps = {"one bag a step": one_bag_a_step(cohort), "matrix products alone": products_alone(cohort)}
    for max_tiles in (None, 1024, 512):
        for precision in ("float32", "bfloat16"):
            name = f"batches, {max_tiles or 'all'} tiles, {precision}"
            steps[name] = batches(cohort, max_tiles=max_tiles, precision=precision, threads=threads)
    ways = {name: Timed(own) for name, own in steps.items()}
    for way in ways.values():
        way.go_on(BAGS_PER_STEP, counts=False)  # compiles
    while min(way.bags for way in ways.values()) < len(cohort.bags):
        for way in ways.values():
            way.go_on(IN_TURNS, counts=True)
        print(f"after {next(iter(ways.values())).bags} bags, peak memory {peak_gb():.2f} GB", flush=True)
        loop = ways["one bag a step"]
        for name, way in ways.items():
            own = f"{way.bags / way.wall:.2f} slides a second, {way.cpu / way.bags:.4f} CPU s a slide"
            ratios = (
                f"{loop.wall / loop.bags * way.bags / way.wall:.2f}, {loop.cpu / loop.bags * way.bags / way.cpu:.2f}"
            )
            print(f"  {name}: {own}; against the loop {ratios}", flush=True)


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run_rank(folder: Path, counts: list[int]) -> None:
    from slidemill.training import ranks

    ranks.connect(None)
    cohort = DrawnBags(folder, counts)
    steps = batches(cohort, max_tiles=None, precision="float32", threads=1, rank=ranks.rank(), ranks=ranks.count())
    way = Timed(steps)
    way.go_on(BAGS_PER_STEP, counts=False)
    way.go_on(len(counts), counts=True)
    busiest = max(ranks.gathered_objects(way.cpu))
    if ranks.is_first():
        print(way.bags / way.wall, way.bags / busiest)


def compare_ranks(folder: Path, bags: int) -> None:
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    speeds = {}
    for number in (1, 2):
        launcher = [MPIRUN, "-n", str(number), "--map-by", "core", "--bind-to", "core"]
        command = [*launcher, sys.executable, __file__, "--bags", str(bags), "--rank-in", str(folder)]
        run = subprocess.run(command, env=os.environ | as_root, check=True, capture_output=True, text=True)
        speeds[number] = np.array(run.stdout.split()[-2:], float)
        wall, busiest = speeds[number]
        print(f"{number} ranks: {wall:.2f} slides a second, {busiest:.2f} a CPU second of the busiest", flush=True)
    by_clock, by_busiest = speeds[2] / speeds[1]
    print(f"two ranks against one: {by_clock:.2f}, {by_busiest:.2f} by CPU seconds of the busiest rank")


@click.command(help=__doc__)
@click.option("--bags", type=int, default=64, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--compare", "is_compared", is_flag=True)
@click.option("--ranks", "is_ranks", is_flag=True)
@click.option("--rank-in", type=Path, hidden=True)
def main(
    bags: int,
    threads: int,
    is_compared: bool,
    is_ranks: bool,
    rank_in: Path | None,
) -> None:
    from slidemill.training.backend import configure

    configure(1 if rank_in else threads)
    counts = tile_counts(bags)
    if rank_in:
        run_rank(rank_in, counts)
        return
    with tempfile.TemporaryDirectory() as folder:
        cohort = DrawnBags(Path(folder), counts)
        if is_compared or is_ranks:
            cohort.write()
        if is_compared:
            compare(cohort, threads)
        if is_ranks:
            compare_ranks(Path(folder), bags)


if __name__ == "__main__":
    main()
