"""Measure how much of each tile annotated regions cover, and tell time and memory.

    .venv/bin/python benchmarks/labels.py [ANNOTATIONS...]

First drawn regions of 2,000 vertices on a grid of 50,000 tiles, each case in a process of its own. Then each file of
annotations, such as those of CAMELYON16, on the grid of a slide of that challenge's size: reading, which mends outlines
and checks where they lie, and covering. Seconds are CPU seconds.
"""

import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

import click
import numpy as np
import shapely

from slidemill.annotations.place import AnnotatedSlide
from slidemill.annotations.reading import read_annotations
from slidemill.annotations.regions import Region
from slidemill.annotations.shares import class_areas, tile_shares

WITHOUT = ("_2", "Exclusion", "negative")
Row = tuple[str, ...]


def region(random: np.random.Generator, centre: np.ndarray, radius: float, vertices: int) -> shapely.Polygon:
    """A lesion with a frayed outline that does not cross itself."""
    angles = np.linspace(0, 2 * np.pi, vertices, endpoint=False)
    waves = sum(random.normal() / n * np.cos(n * angles + random.uniform(0, 7)) for n in range(1, 60))
    radii = radius * np.clip(1 + 0.15 * waves + 0.02 * random.normal(size=vertices), 0.2, 2)
    return shapely.Polygon(centre + np.stack([radii * np.cos(angles), radii * np.sin(angles)], axis=1))


def grid_of(width: int, height: int, extent: int) -> np.ndarray:
    """Corners of all full tiles of a slide."""
    columns, rows = np.arange(0, width - extent + 1, extent), np.arange(0, height - extent + 1, extent)
    return np.stack(np.meshgrid(columns, rows), axis=-1).reshape(-1, 2)


def timed(step: Callable[[], Any]) -> tuple[Any, float]:
    """What a step gives, and its CPU seconds."""
    start = time.process_time()
    result = step()
    return result, time.process_time() - start


def peak_mb() -> float:
    """Greatest memory of this process so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def cover(regions: list[Region], grid: np.ndarray, extent: int) -> tuple[float, float, Row]:
    """CPU seconds to make classes of regions and to cover tiles, and what came out."""
    names = sorted({one.name for one in regions} - set(WITHOUT))
    areas, to_merge = timed(lambda: class_areas(regions, {"tumour": names}, WITHOUT))
    shares, to_cover = timed(lambda: tile_shares(list(areas.values()), grid, extent))
    touched, whole = int((shares > 0).sum()), int((shares > 0.999).sum())
    error = abs(shares.sum(dtype=np.float64) * extent**2 / areas["tumour"].area - 1)
    return to_merge, to_cover, (f"{touched:,}", f"{whole:,}", f"{error:.0e}")


def of_drawn(count: int, vertices: int) -> Row:
    """Drawn regions on 50,000 tiles of 256 pixels."""
    random = np.random.default_rng(1)
    grid = grid_of(256 * 250, 256 * 200, 256)
    regions = [
        Region("Tumor", region(random, random.uniform([6000, 6000], [58_000, 45_000]), 2500, vertices))
        for _ in range(count)
    ]
    before = peak_mb()
    to_merge, to_cover, told = cover(regions, grid, 256)
    label = f"{count} regions of {vertices:,} vertices"
    return label, f"{len(grid):,}", *told, "", f"{to_merge:.2f}", f"{to_cover:.2f}", f"{peak_mb() - before:.0f}"


def of_file(path: Path, width: int, height: int, extent: int) -> Row:
    """A file of annotations on the whole grid of a slide."""
    grid = grid_of(width, height, extent)
    before = peak_mb()
    found, to_read = timed(lambda: read_annotations(path, AnnotatedSlide(width, height, 0.243)))
    vertices = sum(shapely.get_num_coordinates(one.area) for one in found.regions)
    to_merge, to_cover, told = cover(found.regions, grid, extent)
    label = f"{path.name}: {len(found.regions)} regions, {vertices:,} vertices, {len(found.mends)} mended"
    times = (f"{to_read:.2f}", f"{to_merge:.2f}", f"{to_cover:.2f}")
    return label, f"{len(grid):,}", *told, *times, f"{peak_mb() - before:.0f}"


@click.command(help=__doc__)
@click.argument("annotations", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--width", default=97_792, show_default=True, help="Of the slides of the files, level-0 pixels.")
@click.option("--height", default=221_184, show_default=True)
@click.option("--extent", default=512, show_default=True, help="Side of their tiles.")
def main(annotations: tuple[Path, ...], width: int, height: int, extent: int) -> None:
    print("| regions | tiles | touched | covered whole | error of the area | read, s | merge, s | cover, s | MB |")
    print("|---|---|---|---|---|---|---|---|---|")
    alone = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=alone, max_tasks_per_child=1) as pool:
        jobs = [pool.submit(of_drawn, count, vertices) for count, vertices in ((1, 2000), (20, 2000))]
        jobs += [pool.submit(of_file, path, width, height, extent) for path in annotations]
        for job in jobs:
            print("| " + " | ".join(job.result()) + " |", flush=True)


if __name__ == "__main__":
    main()
