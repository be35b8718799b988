"""The input pipeline: tiles a second against JPEG decoding alone, and against tiles stored as float32.

The input pipeline is what threads do that read tiles. What is left to do, they leave to the device that computes the
model; here it is timed on the CPU, on batches in memory, and together with the pipeline, as on a machine without a GPU.

Usage: python benchmarks/input.py [--input-size 299] [--threads 1]
"""

import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from pathlib import Path

import click
import numpy as np
import simplejpeg

from slidemill.classifier.augment import Augmentation, augmented
from slidemill.classifier.input import train_batches
from slidemill.classifier.source import FileShards
from slidemill.classifier.tiles import TileShape, decode_tile, model_input
from slidemill.records import RecordWriter, encode_example
from slidemill.slides import open_slide, read_square
from slidemill.slides.synthetic.recipe import Recipe
from slidemill.slides.synthetic.slide import synthesize_slide
from slidemill.training.backend import configure, tf
from slidemill.training.method import Batch
from slidemill.units import SlidePixels, TilePixels

TILES = 256
SIDE = 512
BATCH = 16
ROUNDS = 5
JITTER = Augmentation(colour_jitter=0.05)


@click.command(help=__doc__)
@click.option("--input-size", type=int, default=299, show_default=True)
@click.option("--threads", type=int, default=1, show_default=True)
def main(input_size: int, threads: int) -> None:
    configure(threads)
    with tempfile.TemporaryDirectory() as folder:
        jpeg, float32 = Path(folder, "jpeg"), Path(folder, "float32")
        write_shards(Path(folder), jpeg, float32)
        shape = TileShape(TilePixels(SIDE), input_size)
        part = TileShape(TilePixels(SIDE), input_size, "crop")
        decoded = list(pipeline(jpeg, shape, threads))
        resize = tf.function(lambda images, _: model_input(images, shape))
        turn, jitter = (augmentation(shape, chosen) for chosen in (Augmentation(), JITTER))
        ways = {
            "decoding alone, full size": lambda: decoding(jpeg, threads),
            "input pipeline": lambda: pipeline(jpeg, shape, threads),
            "input pipeline, crop": lambda: pipeline(jpeg, part, threads),
            "device: resized": lambda: on_device(decoded, resize),
            "device: resized, turned": lambda: on_device(decoded, turn),
            "device: resized, turned, jittered": lambda: on_device(decoded, jitter),
            "pipeline and device": lambda: on_device(pipeline(jpeg, shape, threads), jitter),
            "float32 records, read and resized": lambda: raw(float32, shape, threads),
        }
        rates: dict[str, list[float]] = {name: [] for name in ways}
        for number in range(ROUNDS + 1):
            for name, way in ways.items():
                rate = tiles_per_second(way)
                if number > 0:  # the first round compiles
                    rates[name].append(rate)
        base = rates["decoding alone, full size"]
        for name, own in rates.items():
            ratio = statistics.median(a / b for a, b in zip(own, base, strict=True))
            print(f"{name:36} {statistics.median(own):7.0f} tiles/s  {ratio:5.2f} of decoding alone")
        sizes = jpeg.stat().st_size, float32.stat().st_size
        print(f"bytes a tile: {sizes[0] / TILES:.0f} as JPEG, {sizes[1] / TILES:.0f} as float32")


def write_shards(folder: Path, jpeg: Path, float32: Path) -> None:
    """The same tiles as JPEG and as float32, from a synthetic slide."""
    slide = folder / "slide.svs"
    synthesize_slide(slide, recipe=Recipe.parse("glands 20x 2.0x2.0mm"), slide_id="slide", seed=1)
    with open_slide(slide) as reader, jpeg.open("wb") as small, float32.open("wb") as large:
        writers = RecordWriter(small), RecordWriter(large)
        generator = np.random.default_rng(0)
        for number in range(TILES):
            x, y = generator.integers(0, 3000, 2).tolist()
            rgb = read_square(reader, SlidePixels(x), SlidePixels(y), extent=SlidePixels(SIDE), size=TilePixels(SIDE))
            features = {"image/class/label": number % 3, "slide/id": "slide"}
            encoded = simplejpeg.encode_jpeg(rgb, quality=85, colorsubsampling="420")
            writers[0].write(encode_example(features | {"image/encoded": encoded}))
            writers[1].write(encode_example(features | {"image/encoded": (rgb / np.float32(255)).tobytes()}))


def decoding(shard: Path, threads: int) -> Iterable[object]:
    """Records and decoding, nothing else."""
    shape = TileShape(TilePixels(SIDE), SIDE)
    features = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}
    records = tf.data.TFRecordDataset(str(shard))
    return records.map(
        lambda record: decode_tile(tf.io.parse_single_example(record, features)["image/encoded"], shape)[0, 0],
        num_parallel_calls=threads,
    )


def pipeline(shard: Path, shape: TileShape, threads: int) -> Iterable[Batch]:
    """What training reads."""
    return train_batches(
        FileShards((shard,)),
        shape,
        epoch_seeds=[1],
        skipped=0,
        tiles=TILES,
        batch_size=BATCH,
        threads=threads,
    )


def on_device(batches: Iterable[Batch], work: Callable[[tf.Tensor, tf.Tensor], tf.Tensor]) -> Iterable[object]:
    """What the device does with batches before the model computes."""
    return (work(*batch.inputs) for batch in batches)


def augmentation(shape: TileShape, chosen: Augmentation) -> Callable[[tf.Tensor, tf.Tensor], tf.Tensor]:
    """What is done with a batch to train on."""
    return tf.function(lambda images, draws: augmented(model_input(images, shape), chosen, draws))


def raw(shard: Path, shape: TileShape, threads: int) -> Iterable[object]:
    """Tiles stored as float32, as the published sample does."""
    features = {"image/encoded": tf.io.FixedLenFeature([], tf.string)}

    def tile(record: tf.Tensor) -> tf.Tensor:
        values = tf.io.decode_raw(tf.io.parse_single_example(record, features)["image/encoded"], tf.float32)
        return tf.image.resize(tf.reshape(values, (SIDE, SIDE, 3)), (shape.model, shape.model))

    records = tf.data.TFRecordDataset(str(shard)).map(tile, num_parallel_calls=threads)
    return records.batch(BATCH).prefetch(2)


def tiles_per_second(way: Callable[[], Iterable[object]]) -> float:
    """Tiles that a way gives in a second of CPU time, so that other programs on the machine do not count."""
    dataset = way()
    start = time.process_time()
    for _ in dataset:
        pass
    return TILES / (time.process_time() - start)


if __name__ == "__main__":
    main()
