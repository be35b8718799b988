"""What each step of cohorts/camelyon16_inception.yaml takes: patches, features, classifier, and a slide's heatmap.

    .venv/bin/python benchmarks/published_probe.py [--side 65536] [--encoded 256] [--fitted 50000]

One large drawn slide at 40x, cut as the config says: 299 pixels at 0.25 microns per pixel. InceptionV3 has random
weights, which cost what those of ImageNet cost, and encodes a part of the tiles; the classifier is fitted to drawn
features. What a step takes of a tile or a slide is told in wall time and in CPU time of this process.
"""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import click
import numpy as np
from features import encoder_of
from large_slide import build_large_slide

from slidemill.features.encoder import EncoderSetup
from slidemill.features.load import load_encoder
from slidemill.features.pipeline import SlideTiles, encode_slides
from slidemill.features.pixels import SlidePixels
from slidemill.features.progress import Progress
from slidemill.features.store import FeatureStore, FeatureSummary, features_path, write_features
from slidemill.inference.predict import SlideJob, predict_slides
from slidemill.inference.store import predictions_path
from slidemill.probe.regression import Coefficients, solve, standardisation_of, workers
from slidemill.probe.tiles import LabelledTiles
from slidemill.reporting.slide_outputs import Pictures, picture_slide
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import TileStore, read_store
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.units import TilePixels

CLASSES = ("normal", "tumor")
PARAMETERS = TilingParameters(mpp=0.25, tile_size=TilePixels(299), max_background=0.5, jpeg_quality=85)
DIMENSION = 2048
L2 = (1.0, 0.1, 0.01, 0.001, 0.0001)  # as config.yaml


@contextmanager
def step(name: str, count: int, unit: str) -> Iterator[None]:
    """Tell what a block took, for each of what it worked on as well."""
    wall, busy = time.perf_counter(), time.process_time()
    yield
    wall, busy = time.perf_counter() - wall, time.process_time() - busy
    print(
        f"{name}: {wall:.1f} s, {busy:.1f} CPU s; {1000 * busy / count:.3f} CPU ms for each of {count} {unit}",
        flush=True,
    )


def encode(slide: Path, store: TileStore, tiles: int, folder: Path, threads: int) -> None:
    """Encode the first tiles of the slide by InceptionV3."""
    encoder = load_encoder(encoder_of("InceptionV3", folder), EncoderSetup(299, threads=threads))
    encoder.submit(encoder.new_batch())()
    part = replace(store, coordinates=store.coordinates[:tiles])
    with step("features", tiles, "tiles"):
        slides = [SlideTiles(part, SlidePixels(slide))]
        assert not encode_slides(slides, [encoder], finish=lambda *_: None, progress=Progress(tiles), threads=threads)


def fit(tiles: int, threads: int, model_file: Path) -> ModelDescription:
    """Fit the classifier to drawn features of two classes, with all strengths of the penalty, and save it."""
    from slidemill.probe.model import probe_model
    from slidemill.training.model_file import save_model

    random = np.random.default_rng(1)
    labels = random.integers(0, 2, tiles)
    centres = 0.05 * random.standard_normal((2, DIMENSION))
    features = (centres[labels] + random.standard_normal((tiles, DIMENSION), np.float32)).astype(np.float16)
    data = LabelledTiles(features, labels, np.full(tiles, 1 / tiles), {}, {})
    present = Coefficients(np.zeros((DIMENSION, 2)), np.zeros(2))
    with step("classifier", tiles, "tiles"), workers(threads) as pool:
        standardisation = standardisation_of(data.features, pool)
        for l2 in L2:
            solution = solve(data, standardisation, l2=l2, start=present, max_iterations=1000, threads=pool)
            present = solution.coefficients
    encoder = EncoderDescription("InceptionV3", "", DIMENSION, {}, "average")
    description = ModelDescription("linear", CLASSES, 299, 0.25, 299, "resize", "", {}, "probe", encoder)
    save_model(model_file, probe_model(standardisation, present), description)
    return description


def write_drawn_features(store: TileStore, path: Path) -> None:
    """Features for every tile of the slide."""
    summary = FeatureSummary(
        slide_id="S",
        patient_id="P",
        status="usable",
        reason="",
        encoder="InceptionV3",
        weights_sha256="",
        dimension=DIMENSION,
        input_size=299,
        mpp=0.25,
        tile_size=TilePixels(299),
        tile_extent=store.summary.tile_extent,
        normalisation={},
        pooling="average",
        precision="float32",
        source="slide",
    )
    drawn = np.random.default_rng(2).standard_normal((len(store.coordinates), DIMENSION), np.float32)
    write_features(path, FeatureStore(summary, drawn.astype(np.float16), store.coordinates))


@click.command(help=__doc__)
@click.option("--side", default=65536, show_default=True, help="Side of the slide, pixels.")
@click.option("--encoded", default=256, show_default=True, help="Tiles that are encoded.")
@click.option("--fitted", default=50_000, show_default=True, help="Tiles that the classifier is fitted to.")
@click.option("--threads", default=2, show_default=True)
def main(side: int, encoded: int, fitted: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        slide, index = folder / "S.svs", folder / "S.zarr.zip"
        build_large_slide(slide, side_px=side, power=40)
        print(f"a slide of {side} x {side} pixels, {slide.stat().st_size / 1e9:.2f} GB", flush=True)
        with step("patches", 1, "slide"):
            summary = tile_slide(SlideSource(slide, "S", "P"), PARAMETERS, store=index, threads=threads)
        store = read_store(index)
        print(f"{summary.tile_count} of {summary.grid_count} tiles have tissue", flush=True)
        encode(slide, store, min(encoded, summary.tile_count), folder, threads)
        fit(fitted, threads, folder / "model.keras")
        source, output = features_path(folder / "features", "S"), predictions_path(folder / "predictions", "S")
        for place in (source, output):
            place.parent.mkdir()
        write_drawn_features(store, source)
        with step("scores of a slide, and loading TensorFlow and the model", 1, "slide"):
            assert not predict_slides([SlideJob(source, index, output)], folder / "model.keras", threads=1)
        pictures = Pictures(*(folder / f"picture.{kind}" for kind in ("png", "geojson", "preview.jpg", "tiles.jpg")))
        with step("heatmap", 1, "slide"):
            picture_slide(slide=slide, store_path=index, predictions_path=output, mpp=8.0, pictures=pictures)


if __name__ == "__main__":
    main()
