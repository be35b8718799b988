"""Memory of training on one large bag of features, and of scoring it.

python benchmarks/mil_memory.py 100000                  # a bag of so many tiles of 1,536 values, in float16
"""

import resource
from typing import Any

import click
import numpy as np

from slidemill.mil.parameters import POOLINGS, Pooling

DIMENSION = 1536
CLASSES = ("a", "b")


def memory_of_one(tiles: int, pooling: Pooling) -> None:
    """Peak memory of a process that learns from a part of one large bag, and scores all of it."""
    from slidemill.mil.bags import bags_of
    from slidemill.mil.batches import training_batches, whole_bags
    from slidemill.mil.model import feature_bag_model, log_scores_model
    from slidemill.mil.parameters import DrawingParameters, MilModelParameters
    from slidemill.mil.tile_values import MappedTiles
    from slidemill.splits import SplitRow
    from slidemill.training.backend import tf

    features = np.empty((tiles, DIMENSION), np.float16)
    random = np.random.default_rng(1)
    for start in range(0, tiles, 1000):
        features[start : start + 1000] = random.standard_normal((len(features[start : start + 1000]), DIMENSION))
    bags = bags_of([SplitRow("S", "S", CLASSES[0], "", "train", tiles, "usable", "")], CLASSES, bag="slide")
    values = MappedTiles(features, np.array([0, tiles]))
    model = feature_bag_model(
        MilModelParameters(pooling=pooling, seed=1), dimension=DIMENSION, class_count=len(CLASSES)
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


@click.command(help=__doc__)
@click.argument("tiles", type=int)
@click.option("--pooling", type=click.Choice(POOLINGS), default="gated_attention", show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
def main(tiles: int, pooling: Pooling, threads: int) -> None:
    from slidemill.training.backend import configure

    configure(threads)
    memory_of_one(tiles, pooling)


if __name__ == "__main__":
    main()
