"""Write the report of a made-up cohort of 2,000 test slides and tell time, memory and size.

    .venv/bin/python benchmarks/report.py [--slides 2000]

The slides have tile stores, predictions and previews as a run writes them, with pictures of noise over smooth colours,
which compress worse than slides do. Making them is not counted; evaluating and writing the report are.
"""

import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click
import numpy as np
from scipy import ndimage

from slidemill.evaluation.aggregate import Aggregation
from slidemill.evaluation.evaluate import EvaluationFiles, FoldFiles, evaluate
from slidemill.inference.store import Predictions, predictions_path, write_predictions
from slidemill.reporting.heatmap import slide_panels
from slidemill.reporting.preview import write_preview
from slidemill.reporting.report import write_report
from slidemill.reporting.sources import FoldFiles as TrainedFold
from slidemill.reporting.sources import RunFiles
from slidemill.reporting.tile_sheet import write_tile_sheet
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels

CLASSES = ("LUAD", "LUSC", "Normal")
EXTENT = SlidePixels(1024)
FACTS = SlideFacts("aperio", SlidePixels(40_960), SlidePixels(30_720), 0.25, "properties", 40.0)
TILES = 400
VALIDATION_SHARE = 10  # one validation slide for each so many test slides


class NoiseReader:
    """A slide whose tiles are all alike."""

    def __init__(self, picture: np.ndarray) -> None:
        self._picture = picture

    def map_tiles(self, finish: Callable[[int, np.ndarray], Any], corners: np.ndarray, *, size: int, **_: Any) -> Any:
        return (finish(number, self._picture[:size, :size]) for number in range(len(corners)))


def make_slide(folder: Path, number: int, split: str) -> SplitRow:
    random = np.random.default_rng(number)
    slide_id, patient = f"TCGA-{number % 40:02d}-{number // 2:04d}-01A-0{number % 2}-TS1", f"P-{number // 2:04d}"
    label = number // 2 % 3
    scores = random.dirichlet(np.where(np.arange(3) == label, 1.2, 0.8), TILES).astype(np.float32)
    grid = np.stack(np.meshgrid(np.arange(40), np.arange(30)), axis=-1).reshape(-1, 2) * EXTENT
    predictions = Predictions(slide_id, patient, CLASSES, grid[:TILES], scores, EXTENT, "", "cafe")
    write_predictions(predictions_path(folder / "predictions", slide_id), predictions)
    picture = noise_picture(random)
    summary = StoreSummary(
        slide_id, patient, "usable", "", (), TILES, len(grid), EXTENT, {"mpp": 0.5}, FACTS, {"openslide": "4.0.0"}
    )
    shares = dict.fromkeys(("tissue_fraction", "ink_fraction", "sharpness"), np.zeros(TILES, np.float32))
    places = dict.fromkeys(("offset", "length"), np.zeros(TILES, np.int64))
    store = TileStore(summary, grid[:TILES], **shares, quality=np.zeros(TILES, np.uint8), **places, thumbnail=picture)
    write_store(store_paths(folder / "tiles", slide_id)[1], store)
    if split == "test":
        panels = slide_panels(picture, FACTS, predictions)
        write_preview(folder / "previews" / f"{slide_id}.jpg", [panel.picture for panel in panels])
        write_tile_sheet(folder / "typical_tiles" / f"{slide_id}.jpg", NoiseReader(picture), predictions)
    benchmark = folder / "benchmarks" / "tile_slide" / f"{slide_id}.tsv"
    benchmark.parent.mkdir(parents=True, exist_ok=True)
    benchmark.write_text("s\tmax_rss\n12.5\t400\n")
    return SplitRow(slide_id, patient, CLASSES[label], f"{number % 40:02d}", split, TILES, "usable", "")


def noise_picture(random: np.random.Generator) -> np.ndarray:
    smooth = ndimage.gaussian_filter(random.normal(size=(300, 400, 3)), (12, 12, 0)) * 1500
    return np.clip(200 + smooth + random.normal(0, 8, (300, 400, 1)), 0, 255).astype(np.uint8)


@click.command(help=__doc__)
@click.option("--slides", default=2000, show_default=True, help="Test slides.")
def main(slides: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        start = time.perf_counter()
        splits = ["test"] * slides + ["validation"] * (slides // VALIDATION_SHARE)
        write_splits(folder / "splits.tsv", [make_slide(folder, n, split) for n, split in enumerate(splits)])
        (folder / "config.json").write_text("{}")
        click.echo(f"made {len(splits)} slides in {time.perf_counter() - start:.0f} s (not counted)")
        out = {"metrics": folder / "metrics.json", "slides": folder / "slides.tsv", "top_tiles": folder / "top.tsv"}
        before = peak_memory_gb()
        start = time.perf_counter()
        evaluate(
            EvaluationFiles([FoldFiles(folder / "splits.tsv", folder / "predictions")], folder / "tiles", **out),
            classes=CLASSES,
            seed=1,
            aggregation=Aggregation(),
        )
        evaluated = time.perf_counter()
        write_report(
            RunFiles(
                folds=[TrainedFold(folder / "splits.tsv", plan=None, history=None)],
                tiles=folder / "tiles",
                **out,
                previews=folder / "previews",
                typical_tiles=folder / "typical_tiles",
                benchmarks=[folder / "benchmarks" / "tile_slide"],
                config=folder / "config.json",
            ),
            folder / "report.html",
        )
        written = time.perf_counter()
        size = (folder / "report.html").stat().st_size / 1e6
        click.echo(f"{slides} test slides of {TILES} tiles: evaluated in {evaluated - start:.1f} s, ", nl=False)
        click.echo(f"report written in {written - evaluated:.1f} s, {size:.1f} MB; ", nl=False)
        click.echo(f"peak memory {peak_memory_gb():.2f} GB (before: {before:.2f} GB)")


def peak_memory_gb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
