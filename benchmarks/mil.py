"""Training on bags of features: speed against a loop that takes one bag a step, two ranks against one, and memory.

    python benchmarks/mil.py --bags 64 --compare            # the loop, and batches, in turns in one process
    python benchmarks/mil.py --bags 64 --ranks              # one rank with one thread against two, each on a core
    python benchmarks/mil.py --large 100000                 # memory of one bag of so many tiles of 1,536 values

Bags have 500 to 5,000 tiles of 1,024 values in float16. The loop is that of CLAM, in TensorFlow: one bag a step, all of
its tiles, read from the slide's file by the same reader; its step is compiled once for all sizes. Batches are the
library's: 8 bags a step, from features held in memory. Both have the same model (512 hidden units, gated attention of
128) and AdamW. Seconds of the processor count where other work runs on the machine.
"""

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np

DIMENSION = 1024
LARGE_DIMENSION = 1536
CLASSES = ("a", "b")
BAGS_PER_STEP = 8
MPIRUN = Path(sys.executable).parent / "mpirun"


def tile_counts(bags: int) -> list[int]:
    return np.random.default_rng(1).integers(500, 5001, bags).tolist()


class Cohort:
    """Bags in files, and mapped from memory."""

    def __init__(self, folder: Path, counts: list[int]) -> None:
        from slidemill.mil.bags import bags_of
        from slidemill.splits import SplitRow

        self.folder = folder
        rows = [
            SplitRow(f"S{number:05}", f"S{number:05}", CLASSES[number % 2], "", "train", count, "usable", "")
            for number, count in enumerate(counts)
        ]
        self.bags = bags_of(rows, CLASSES, bag="slide")

    def write(self) -> None:
        from slidemill.features.store import FeatureStore, FeatureSummary, features_path, write_features
        from slidemill.units import SlidePixels, TilePixels

        random = np.random.default_rng(2)
        pool = random.standard_normal((5000, DIMENSION), np.float32).astype(np.float16)
        with (self.folder / "mapped").open("wb") as mapped:
            for row in self.bags.slides:
                features = np.roll(pool, int(random.integers(5000)), axis=0)[: row.tile_count]
                mapped.write(features.tobytes())
                summary = FeatureSummary(
                    slide_id=row.slide_id,
                    patient_id=row.patient_id,
                    status="usable",
                    reason="",
                    encoder="drawn",
                    weights_sha256="",
                    dimension=DIMENSION,
                    input_size=224,
                    mpp=0.5,
                    tile_size=TilePixels(256),
                    tile_extent=SlidePixels(256),
                    normalisation={},
                    pooling="",
                    precision="float32",
                    source="slide",
                )
                coordinates = np.zeros((row.tile_count, 2), np.int64)
                write_features(features_path(self.folder, row.slide_id), FeatureStore(summary, features, coordinates))

    def values(self) -> Any:
        from slidemill.mil.tile_values import MappedTiles

        return MappedTiles.open(self.folder / "mapped", self.bags.slides, DIMENSION)


def model_and_optimizer(precision: str = "float32") -> tuple[Any, Any]:
    from slidemill.mil.model import feature_bag_model
    from slidemill.mil.parameters import MilModelParameters
    from slidemill.training.backend import keras

    model = feature_bag_model(MilModelParameters(seed=1), dimension=DIMENSION, class_count=2, precision=precision)
    optimizer = keras.optimizers.AdamW(3e-4, weight_decay=0.01)
    optimizer.build(model.trainable_variables)
    return model, optimizer


def one_bag_a_step(cohort: Cohort) -> Callable[[], int]:
    """An epoch of the loop; it returns the number of bags."""
    from slidemill.features.store import features_path, read_features
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

    def epoch() -> int:
        for number in np.random.default_rng(3).permutation(len(cohort.bags)).tolist():
            bag = cohort.bags.bags[number]
            features = read_features(features_path(cohort.folder, bag.name)).features.astype(np.float32)
            float(step(features[None], np.array([bag.label])))
        return len(cohort.bags)

    return epoch


def batches(
    cohort: Cohort, *, max_tiles: int | None, precision: str, threads: int, rank: int = 0, ranks: int = 1
) -> Callable[[], int]:
    """An epoch of the library's batches and step."""
    from slidemill.mil.batches import training_batches
    from slidemill.mil.parameters import DrawingParameters
    from slidemill.mil.step import bag_learning, features_as_they_are
    from slidemill.training.backend import tf
    from slidemill.training.step import train_step

    model, optimizer = model_and_optimizer(precision)
    step = train_step(bag_learning(model, features_as_they_are(DIMENSION)), optimizer)
    drawing = DrawingParameters(bags_per_step=BAGS_PER_STEP, max_tiles=max_tiles, seed=1)
    values = cohort.values()

    def epoch() -> int:
        for batch in training_batches(
            cohort.bags, values, drawing, epochs=[0], skipped=0, rank=rank, ranks=ranks, threads=threads
        ):
            shares = (batch.weights * ranks / batch.bags_of_step).astype(np.float32)
            inputs = tuple(map(tf.constant, (batch.tiles, batch.mask, shares)))
            step(inputs, tf.constant(batch.labels), tf.constant(3e-4), tf.constant(0.0))
        return len(cohort.bags)

    return epoch


def timed(what: str, epoch: Callable[[], int]) -> float:
    start, busy = time.perf_counter(), time.process_time()
    bags = epoch()
    wall, cpu = time.perf_counter() - start, time.process_time() - busy
    print(f"{what}: {bags / wall:.2f} slides a second, {cpu / bags:.3f} CPU s a slide", flush=True)
    return wall


def compare(cohort: Cohort, threads: int, rounds: int) -> None:
    from slidemill.training import ranks

    ranks.connect(None)
    ways: dict[str, Callable[[], int]] = {"one bag a step": one_bag_a_step(cohort)}
    for max_tiles in (None, 1024, 512):
        for precision in ("float32", "bfloat16"):
            name = f"batches, {max_tiles or 'all'} tiles, {precision}"
            ways[name] = batches(cohort, max_tiles=max_tiles, precision=precision, threads=threads)
    for number in range(rounds + 1):
        print("warm-up" if number == 0 else f"round {number}")
        for name, epoch in ways.items():
            timed(f"  {name}", epoch)


def memory_of_one(tiles: int, pooling: str) -> None:
    """Peak memory of a process that learns from a part of one large bag, and scores all of it."""
    from slidemill.mil.bags import bags_of
    from slidemill.mil.batches import training_batches, whole_bags
    from slidemill.mil.model import feature_bag_model, log_scores_model
    from slidemill.mil.parameters import DrawingParameters, MilModelParameters
    from slidemill.mil.tile_values import MappedTiles
    from slidemill.splits import SplitRow
    from slidemill.training.backend import tf

    features = np.empty((tiles, LARGE_DIMENSION), np.float16)
    random = np.random.default_rng(1)
    for start in range(0, tiles, 1000):
        features[start : start + 1000] = random.standard_normal((len(features[start : start + 1000]), LARGE_DIMENSION))
    bags = bags_of([SplitRow("S", "S", CLASSES[0], "", "train", tiles, "usable", "")], CLASSES, bag="slide")
    values = MappedTiles(features, np.array([0, tiles]))
    model = feature_bag_model(
        MilModelParameters(pooling=pooling, seed=1), dimension=LARGE_DIMENSION, class_count=len(CLASSES)
    )
    learning = log_scores_model(model)
    before = peak_gb()

    @tf.function
    def gradients(own: Any, mask: Any) -> Any:
        with tf.GradientTape() as tape:
            logs = learning({"tiles": tf.cast(own, tf.float32), "mask": mask}, training=True)
            loss = -tf.reduce_sum(logs[:, 0])
        return tape.gradient(loss, [variable.value for variable in learning.trainable_variables])

    drawing = DrawingParameters(bags_per_step=1, seed=1)
    for batch in training_batches(bags, values, drawing, epochs=[0], skipped=0, rank=0, ranks=1, threads=1):
        gradients(batch.tiles, batch.mask)
    trained = peak_gb()
    score = tf.function(lambda own, mask: model({"tiles": tf.cast(own, tf.float32), "mask": mask}, training=False))
    for batch in whole_bags(bags, values, rank=0, ranks=1, threads=1):
        score(batch.tiles, batch.mask)
    told = f"{before:.2f} GB with the features in memory, {trained:.2f} GB after a step of {drawing.max_tiles} tiles"
    print(f"{pooling}: {told}, {peak_gb():.2f} GB after all {tiles} were scored", flush=True)


def peak_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9


def run_rank(folder: Path, counts: list[int]) -> None:
    from slidemill.training import ranks

    ranks.connect(None)
    cohort = Cohort(folder, counts)
    epoch = batches(cohort, max_tiles=None, precision="float32", threads=1, rank=ranks.rank(), ranks=ranks.count())
    epoch()
    start = time.perf_counter()
    bags = epoch()
    if ranks.is_first():
        print(bags / (time.perf_counter() - start))


def compare_ranks(folder: Path, bags: int) -> None:
    as_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
    speeds = {}
    for count in (1, 2):
        launcher = [MPIRUN, "-n", str(count), "--map-by", "core", "--bind-to", "core"]
        command = [*launcher, sys.executable, __file__, "--bags", str(bags), "--rank-in", str(folder)]
        run = subprocess.run(command, env=os.environ | as_root, check=True, capture_output=True, text=True)
        speeds[count] = float(run.stdout.split()[-1])
        print(f"{count} ranks: {speeds[count]:.2f} slides a second", flush=True)
    print(f"two ranks against one: {speeds[2] / speeds[1]:.2f}")


@click.command(help=__doc__)
@click.option("--bags", type=int, default=64, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
@click.option("--rounds", type=int, default=1, show_default=True)
@click.option("--compare", "is_compared", is_flag=True)
@click.option("--ranks", "is_ranks", is_flag=True)
@click.option("--large", type=int, help="Tiles of a large bag.")
@click.option("--pooling", default="gated_attention", show_default=True, help="Of the model of the large bag.")
@click.option("--rank-in", type=Path, hidden=True)
def main(
    bags: int,
    threads: int,
    rounds: int,
    is_compared: bool,
    is_ranks: bool,
    large: int | None,
    pooling: str,
    rank_in: Path | None,
) -> None:
    from slidemill.training.backend import configure

    configure(1 if rank_in else threads)
    counts = tile_counts(bags)
    if rank_in:
        run_rank(rank_in, counts)
        return
    if large:
        memory_of_one(large, pooling)
    with tempfile.TemporaryDirectory() as folder:
        cohort = Cohort(Path(folder), counts)
        if is_compared or is_ranks:
            cohort.write()
        if is_compared:
            compare(cohort, threads, rounds)
            print(f"peak memory {peak_gb():.2f} GB, of which the mapped features can be given up")
        if is_ranks:
            compare_ranks(Path(folder), bags)


if __name__ == "__main__":
    main()
