"""Features of a slide's tiles, from the slide to the file, against the encoder alone on random tiles, in one run.

    .venv/bin/python benchmarks/features.py [--encoder efficientnet_lite0 --encoder InceptionV3]
    envs/encoders/.venv/bin/python benchmarks/features.py --device cuda --encoder vit_large --encoder resnet50

Each encoder is loaded once; both ways take turns, in wall time and in CPU time, and the ratio is that of the medians.
Encoders but efficientnet_lite0 have random weights, which cost what others cost. "Alone" has its tiles in memory and
writes nothing; it prepares them (resizing, normalising) as the whole path does; for a GPU they are in pinned memory.
"""

import os
import statistics
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click
import numpy as np
from large_slide import build_large_slide

from slidemill.features.encoder import Encoder, EncoderSetup
from slidemill.features.load import load_encoder
from slidemill.features.pipeline import SlideTiles, encode_slides
from slidemill.features.pixels import SlidePixels
from slidemill.features.progress import Progress
from slidemill.features.spec import EncoderSpec, find_encoder, known_encoders
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import TileStore, read_store
from slidemill.units import TilePixels
from slidemill.zarr_zip import write_zarr_zip

TIMM = {"vit_large": "vit_large_patch16_224", "vit_huge": "vit_huge_patch14_224", "resnet50": "resnet50"}
IMAGENET = known_encoders()["uni_v1"].normalisation


def encoder_of(name: str, folder: Path) -> EncoderSpec:
    """The encoder, with random weights where it comes without."""
    if name == "efficientnet_lite0":
        return find_encoder(name, {})
    if name in TIMM:
        import timm
        import torch

        file = folder / f"{name}.bin"
        torch.save(timm.create_model(TIMM[name], pretrained=False, num_classes=0).state_dict(), file)
        return EncoderSpec(
            name=name, kind="torch", input_size=224, normalisation=IMAGENET, file=file, architecture=TIMM[name]
        )
    from slidemill.features.keras_encoder import keras, tf

    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(len(os.sched_getaffinity(0)))
    side = known_encoders()[name].input_size
    network = getattr(keras.applications, name)(
        include_top=False, weights=None, pooling="avg", input_shape=(side, side, 3)
    )
    network.save_weights(folder / f"{name}.weights.h5")
    return find_encoder(name, {name: {"file": str(folder / f"{name}.weights.h5")}})


def alone(encoder: Encoder, tiles: int) -> int:
    """Encode about so many random tiles; how many it were."""
    random = np.random.default_rng(1)
    batches = []
    for _ in range(encoder.workers * (encoder.ahead + 1)):
        batch = encoder.new_batch()
        batch[:] = random.integers(0, 256, batch.shape, np.uint8)
        batches.append(batch)
    rounds = max(1, round(tiles / (len(batches[0]) * encoder.workers)))

    def work(number: int) -> None:
        own = batches[number :: encoder.workers]
        under_way = []
        for turn in range(rounds):
            under_way.append(encoder.submit(own[turn % len(own)]))
            if len(under_way) > encoder.ahead:
                under_way.pop(0)()
        for features in under_way:
            features()

    with ThreadPoolExecutor(encoder.workers) as pool:
        list(pool.map(work, range(encoder.workers)))
    return rounds * encoder.workers * len(batches[0])


def whole(encoder: Encoder, slide: Path, store: TileStore, repeats: int, threads: int, output: Path) -> int:
    """From the slide to the file, as many times as the cohort has slides."""

    def finish(slide: SlideTiles, features: list[np.ndarray]) -> None:
        write_zarr_zip(output, arrays={"features": features[0]}, attributes={})

    slides = [SlideTiles(store, SlidePixels(slide))] * repeats
    progress = Progress(repeats * len(store.coordinates))
    assert not encode_slides(slides, [encoder], finish=finish, progress=progress, threads=threads)
    return repeats * len(store.coordinates)


@click.command(help=__doc__)
@click.option("--encoder", "names", multiple=True, default=("efficientnet_lite0", "InceptionV3"), show_default=True)
@click.option("--device", type=click.Choice(["cpu", "cuda"]), default="cpu", show_default=True)
@click.option("--tile-size", default=256, show_default=True, help="Pixels.")
@click.option("--side", default=4096, show_default=True, help="Side of the slide, pixels.")
@click.option("--slides", default=1, show_default=True, help="How often the slide is encoded in a turn.")
@click.option("--threads", default=2, show_default=True)
@click.option("--turns", default=3, show_default=True)
def main(names: tuple[str, ...], device: str, tile_size: int, side: int, slides: int, threads: int, turns: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slide, index = folder / "slide.svs", folder / "slide.zarr.zip"
        build_large_slide(slide, side_px=side, power=20)
        parameters = TilingParameters(mpp=0.5, tile_size=TilePixels(tile_size), max_background=0.5, jpeg_quality=85)
        tile_slide(SlideSource(slide, "S", "P"), parameters, store=index, threads=threads)
        store = read_store(index)
        for encoder_name in names:
            start = time.perf_counter()
            spec = encoder_of(encoder_name, folder)
            encoder = load_encoder(spec, EncoderSetup(tile_size, threads=threads, device=device))
            encoder.submit(encoder.new_batch())()
            told = (
                f"{encoder_name} on {encoder.facts.device}, {encoder.facts.precision}, {len(store.coordinates)} tiles"
            )
            print(f"{told}, {threads} threads; started in {time.perf_counter() - start:.1f} s")
            seconds: dict[str, list[tuple[float, float]]] = {"alone": [], "whole": []}
            for _ in range(turns):
                for way, taken in seconds.items():
                    wall, cpu = time.perf_counter(), time.process_time()
                    if way == "alone":
                        tiles = alone(encoder, slides * len(store.coordinates))
                    else:
                        tiles = whole(encoder, slide, store, slides, threads, folder / "features.zarr.zip")
                    taken.append(((time.perf_counter() - wall) / tiles, (time.process_time() - cpu) / tiles))
            medians = {
                way: [statistics.median(kind) for kind in zip(*taken, strict=True)] for way, taken in seconds.items()
            }
            for way, (wall, cpu) in medians.items():
                print(f"  {way}: {1 / wall:.1f} tiles/s, {1000 * cpu:.2f} CPU ms a tile")
            ratios = [one / other for one, other in zip(medians["alone"], medians["whole"], strict=True)]
            print(f"  whole against alone: {ratios[0]:.3f} of the tiles a second, {ratios[1]:.3f} by CPU time")


if __name__ == "__main__":
    main()
