"""Memory of a whole `fit_probe`, from the files of a cohort to the model: the peak of its process.

    .venv/bin/python benchmarks/probe_memory.py --tiles 1300000 --dimension 1536

Slides of 5,000 tiles with drawn features in float16, a tenth of them for validation, go to files as `extract_features`
writes them; then scripts/fit_probe.py runs as the workflow runs it, with few iterations: their number does not change
its memory.
"""

import json
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import click
import numpy as np

from slidemill.features.store import FeatureStore, FeatureSummary, features_path, write_features
from slidemill.splits import SplitRow, write_splits
from slidemill.tiling.store import StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels, TilePixels

CLASSES = ("A", "B", "C")
TILES_OF_A_SLIDE = 5000
SCRIPT = Path(__file__).parents[1] / "scripts" / "fit_probe.py"


def write_cohort(folder: Path, slides: int, dimension: int) -> None:
    """Tile stores, features and splits.tsv; all slides have the same noise, each class its own centre."""
    for name in ("tiles", "features"):
        (folder / name).mkdir()
    random = np.random.default_rng(1)
    noise = random.standard_normal((TILES_OF_A_SLIDE, dimension), np.float32)
    centres = 0.05 * random.standard_normal((len(CLASSES), dimension)).astype(np.float32)
    coordinates = np.stack([256 * np.arange(TILES_OF_A_SLIDE), np.zeros(TILES_OF_A_SLIDE)], axis=1).astype(np.int64)
    ones, none = np.ones(TILES_OF_A_SLIDE, np.float32), np.zeros(TILES_OF_A_SLIDE, np.int64)
    tiles = StoreSummary(
        slide_id="",
        patient_id="",
        status="usable",
        reason="",
        flags=(),
        tile_count=TILES_OF_A_SLIDE,
        grid_count=TILES_OF_A_SLIDE,
        tile_extent=SlidePixels(256),
        parameters={"tile_size": 256, "mpp": 0.5},
        slide=None,
        versions={},
    )
    features = FeatureSummary(
        slide_id="",
        patient_id="",
        status="usable",
        reason="",
        encoder="drawn",
        weights_sha256="ab",
        dimension=dimension,
        input_size=224,
        mpp=0.5,
        tile_size=TilePixels(256),
        tile_extent=SlidePixels(256),
        normalisation={},
        pooling="class",
        precision="float32",
        source="slide",
    )
    rows = []
    for number in range(slides):
        slide_id, place = f"s{number:05}", number % len(CLASSES)
        own = {"slide_id": slide_id, "patient_id": slide_id}
        store = TileStore(
            replace(tiles, **own), coordinates, ones, ones, ones, np.zeros(TILES_OF_A_SLIDE, np.uint8), none, none
        )
        write_store(store_paths(folder / "tiles", slide_id)[1], store)
        drawn = (centres[place] + np.roll(noise, number, axis=0)).astype(np.float16)
        write_features(
            features_path(folder / "features", slide_id), FeatureStore(replace(features, **own), drawn, coordinates)
        )
        split = "validation" if number // len(CLASSES) % 10 == 0 else "train"
        rows.append(SplitRow(slide_id, slide_id, CLASSES[place], "", split, TILES_OF_A_SLIDE, "usable", ""))
    write_splits(folder / "splits.tsv", rows)


@click.command(help=__doc__)
@click.option("--tiles", type=int, default=100_000, show_default=True)
@click.option("--dimension", type=int, default=1536, show_default=True)
@click.option("--iterations", type=int, default=3, show_default=True)
@click.option("--threads", type=int, default=2, show_default=True)
def main(tiles: int, dimension: int, iterations: int, threads: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_cohort(folder, -(-tiles // TILES_OF_A_SLIDE), dimension)
        options = {"splits": folder / "splits.tsv", "tiles": folder / "tiles", "features": folder / "features"}
        options |= {"l2": 0.1, "balance": "class", "max-iterations": iterations, "threads": threads, "seed": 1}
        options |= {
            key: folder / file for key, file in (("model", "m.keras"), ("history", "h.tsv"), ("facts", "f.json"))
        }
        words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
        classes = [word for own in CLASSES for word in ("--class", own)]
        start = time.perf_counter()
        subprocess.run([sys.executable, str(SCRIPT), *words, *classes], check=True)
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        facts = json.loads((folder / "f.json").read_text())
        fitted = facts["train"]["tiles"] + facts["validation"]["tiles"]
        print(f"{fitted} tiles of {dimension}: {2 * fitted * dimension / 1e9:.2f} GB of features")
        print(
            f"peak {used.ru_maxrss * 1024 / 1e9:.2f} GB; {time.perf_counter() - start:.0f} s, {used.ru_utime:.0f} CPU s"
        )


if __name__ == "__main__":
    main()
