"""Score the tiles of slides from their files by Keras and by ONNX Runtime, and in memory, against `model.predict`.

    .venv/bin/python benchmarks/predict.py [--architecture InceptionV3 --input-size 299] [--tiles 512] [--slides 4]
        [--precision float16 --precision int8]

All run in one process with the same model, tiles and threads, one after the other, several times; what is told are
medians of their speeds, and medians of the ratios of each round; ratios of processor time beside, which others on the
machine disturb less. Loading a model, which a job does once for all of its
slides, is told apart.
"""

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import simplejpeg

from slidemill.inference.onnx_file import OnnxPrecision
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
@click.option("--repeats", default=5, show_default=True)
@click.option(
    "--precision", "precisions", type=click.Choice(["float16", "int8"]), multiple=True, help="Of ONNX, beside."
)
def main(
    architecture: str,
    input_size: int,
    tiles: int,
    slides: int,
    batch_size: int,
    threads: int,
    repeats: int,
    precisions: tuple[OnnxPrecision, ...],
) -> None:
    start = time.perf_counter()
    from slidemill.classifier.models import build_model
    from slidemill.classifier.tile_shape import TileShape
    from slidemill.classifier.tiles import decode_tile, model_input
    from slidemill.export.conversion import to_onnx
    from slidemill.export.functions import model_function
    from slidemill.export.precision import with_precision
    from slidemill.inference.onnx_file import OnnxFacts, serialised
    from slidemill.inference.scoring import RecordScorer
    from slidemill.inference.tile_model import load_tile_model
    from slidemill.records import parse_example, read_records
    from slidemill.training.backend import configure
    from slidemill.training.description import ModelDescription
    from slidemill.training.model_file import load_model, save_model
    from slidemill.units import TilePixels

    configure(threads)
    imported = time.perf_counter() - start
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = {"keras": folder / "model.keras"}
        description = ModelDescription(architecture, ("A", "B", "C"), TILE_SIZE, 0.5, input_size, "resize", "", {})
        save_model(files["keras"], build_model(architecture, input_size=input_size, class_count=3), description)
        model = load_model(files["keras"])
        network = to_onnx(*model_function(model, description))
        for precision in ("float32", *precisions):
            name = "onnx" if precision == "float32" else precision
            files[name] = folder / f"{name}.onnx"
            facts = OnnxFacts(description=description, model_sha256="", precision=precision)
            files[name].write_bytes(serialised(with_precision(network, precision), facts))
        paths = [folder / f"{number}.tfrecord" for number in range(slides)]
        for path in paths:
            write_records(path, tiles, np.random.default_rng(0))
        scorers, loaded, models = {}, {}, {}
        for engine, file in files.items():
            start = time.perf_counter()
            scorers[engine] = RecordScorer(file, description, batch_size=batch_size, threads=threads)
            loaded[engine] = time.perf_counter() - start
            models[engine] = load_tile_model(file, description, threads=threads)
        shape = TileShape(TilePixels(TILE_SIZE), input_size)
        stored = np.stack([decode_tile(parse_example(r)["image/encoded"], shape) for r in read_records(paths[0])])
        decoded = model_input(stored, shape).numpy()
        every = np.ones(tiles, np.bool_)

        def from_files(engine: str) -> np.ndarray:
            return np.concatenate([scorers[engine].score(path, every).scores for path in paths])

        def in_memory(engine: str) -> np.ndarray:
            starts = range(0, tiles, batch_size)
            parts = [models[engine].scores(stored[start : start + batch_size]) for start in starts]
            return np.concatenate([np.concatenate(parts) for _ in paths])

        def bare() -> np.ndarray:
            return np.concatenate([model.predict(decoded, batch_size=batch_size, verbose=0) for _ in paths])

        ways: dict[str, Callable[[], np.ndarray]] = {
            "keras from files": lambda: from_files("keras"),
            "onnx from files": lambda: from_files("onnx"),
            "keras in memory": lambda: in_memory("keras"),
            "onnx in memory": lambda: in_memory("onnx"),
            "model.predict": bare,
        } | {f"{precision} in memory": lambda engine=precision: in_memory(engine) for precision in precisions}
        speeds: dict[str, list[float]] = {way: [] for way in ways}
        works: dict[str, list[float]] = {way: [] for way in ways}  # processor seconds
        scores = {way: work() for way, work in ways.items()}  # traces the graphs
        for _ in range(repeats):
            for way, work in ways.items():
                start, spent = time.perf_counter(), time.process_time()
                work()
                speeds[way].append(slides * tiles / (time.perf_counter() - start))
                works[way].append(time.process_time() - spent)
    furthest = {way: float(abs(found - scores["model.predict"]).max()) for way, found in scores.items()}
    lower = {f"{precision} in memory" for precision in precisions}
    assert all(value < 1e-4 for way, value in furthest.items() if way not in lower)
    click.echo(
        f"{architecture} at {input_size}, {slides} slides of {tiles} tiles, {threads} threads, {repeats} rounds:"
    )
    for way, found in speeds.items():
        click.echo(f"  {way}: {np.median(found):.1f} tiles/s ({min(found):.1f} to {max(found):.1f})")
    for own, other in (
        ("onnx from files", "keras from files"),
        ("onnx in memory", "keras in memory"),
        ("keras from files", "model.predict"),
        *((way, "onnx in memory") for way in sorted(lower)),
    ):
        ratios = np.divide(speeds[own], speeds[other])
        spent = np.divide(works[other], works[own])
        click.echo(
            f"  {own} / {other}: {np.median(ratios):.2f} ({ratios.min():.2f} to {ratios.max():.2f}); by processor time "
            f"{np.median(spent):.2f} ({spent.min():.2f} to {spent.max():.2f})"
        )
    click.echo("  scores differ by up to " + ", ".join(f"{value:.1g} ({way})" for way, value in furthest.items()))
    click.echo(
        f"  once for a job: TensorFlow {imported:.1f} s, model "
        + ", ".join(f"{k} {v:.1f} s" for k, v in loaded.items())
    )


if __name__ == "__main__":
    main()
