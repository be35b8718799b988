"""Score the tiles of slides from their files, against `model.predict` on the same tiles already decoded in memory.

    .venv/bin/python benchmarks/predict.py [--architecture InceptionV3 --input-size 299] [--tiles 512] [--slides 4]

Both run in one process with the same model and batch size, one after the other, several times; the ratio is that of the
best times. Loading TensorFlow and the model, which a job does once for all of its slides, is told apart.
"""

import tempfile
import time
from pathlib import Path

import click
import numpy as np
import simplejpeg

from slidemill.records import RecordWriter, encode_example

TILE_SIZE = 512


def write_records(path: Path, tiles: int, random: np.random.Generator) -> None:
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for number in range(tiles):
            coarse = random.integers(60, 255, (TILE_SIZE // 8, TILE_SIZE // 8, 3), np.uint8)
            tile = np.ascontiguousarray(coarse.repeat(8, axis=0).repeat(8, axis=1))
            jpeg = simplejpeg.encode_jpeg(tile, quality=85)
            writer.write(encode_example({"image/encoded": jpeg, "tile/x": number, "tile/y": 0}))


@click.command(help=__doc__)
@click.option("--architecture", default="small_cnn", show_default=True)
@click.option("--input-size", default=128, show_default=True, help="Side of the model's input, pixels.")
@click.option("--tiles", default=512, show_default=True, help="Tiles of a slide.")
@click.option("--slides", default=4, show_default=True, help="Slides of a job.")
@click.option("--batch-size", default=64, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--repeats", default=3, show_default=True)
def main(
    architecture: str, input_size: int, tiles: int, slides: int, batch_size: int, threads: int, repeats: int
) -> None:
    start = time.perf_counter()
    from slidemill.classifier.models import build_model
    from slidemill.classifier.tiles import TileShape, decode_tile, model_input
    from slidemill.inference.scoring import RecordScorer
    from slidemill.records import parse_example, read_records
    from slidemill.training.backend import configure
    from slidemill.training.description import ModelDescription
    from slidemill.training.model_file import load_model, save_model
    from slidemill.units import TilePixels

    configure(threads)
    imported = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        description = ModelDescription(architecture, ("A", "B", "C"), TILE_SIZE, 0.5, input_size, "resize", "", {})
        save_model(folder / "model.keras", build_model(architecture, input_size=input_size, class_count=3), description)
        paths = [folder / f"{number}.tfrecord" for number in range(slides)]
        for path in paths:
            write_records(path, tiles, np.random.default_rng(0))
        start = time.perf_counter()
        scorer = RecordScorer(folder / "model.keras", description, batch_size=batch_size, threads=threads)
        loaded = time.perf_counter() - start
        model = load_model(folder / "model.keras")
        shape = TileShape(TilePixels(TILE_SIZE), input_size)
        stored = np.stack([decode_tile(parse_example(r)["image/encoded"], shape) for r in read_records(paths[0])])
        decoded = model_input(stored, shape).numpy()
        scorer.score(paths[0], np.ones(tiles, np.bool_))  # traces the graph
        model.predict(decoded, batch_size=batch_size, verbose=0)
        ours, bare = [], []
        for _ in range(repeats):
            start = time.perf_counter()
            for path in paths:
                scores = scorer.score(path, np.ones(tiles, np.bool_)).scores
            ours.append(slides * tiles / (time.perf_counter() - start))
            start = time.perf_counter()
            for _ in paths:
                expected = model.predict(decoded, batch_size=batch_size, verbose=0)
            bare.append(slides * tiles / (time.perf_counter() - start))
    np.testing.assert_allclose(scores, expected, rtol=1e-3, atol=1e-5)
    click.echo(f"{architecture} at {input_size}, {slides} slides of {tiles} tiles, {threads} threads:")
    click.echo(f"  from files {max(ours):.0f} tiles/s, model.predict in memory {max(bare):.0f} tiles/s: ", nl=False)
    click.echo(f"{max(ours) / max(bare):.2f}")
    click.echo(f"  once for a job: TensorFlow {imported:.1f} s, model {loaded:.1f} s")


if __name__ == "__main__":
    main()
