"""Tiles kept per second of CPU: slidemill against OpenSlide, cuCIM and the limit that the JPEG codec sets.

    python benchmarks/tiling.py              a large slide that it builds by itself, read at 20x and as a 40x slide
    python benchmarks/tiling.py SLIDE... --mpp 0.5
    python benchmarks/tiling.py --layouts    slides of the layouts that cohorts have, which it builds one by one

Each way is a whole process that cuts the same tiles of the same slide, one after the other and several times round, so
that whatever slows the machine slows all; medians are printed. The limit is the time of decoding the source tiles and
of encoding the tiles alone, in memory, with the settings that slidemill uses.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import click

BUILDER = Path(__file__).with_name("tiling_layouts.py")
CONTESTANTS = Path(__file__).with_name("tiling_contestants.py")
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}  # as Snakemake sets it; nothing here multiplies matrices
TILE_SLIDE = Path(__file__).parents[1] / "scripts" / "tile_slide.py"


@dataclass(frozen=True, slots=True)
class Run:
    """What one process took."""

    cpu_s: float
    wall_s: float
    peak_mb: float


@click.command(help=__doc__)
@click.argument("slides", nargs=-1, type=click.Path(exists=True, path_type=Path))
@click.option("--mpp", type=float, default=0.5, show_default=True, help="Microns per pixel of the tiles.")
@click.option("--tile-size", type=int, default=512, show_default=True)
@click.option("--side", type=int, default=65536, show_default=True, help="Side of the slide to build, pixels.")
@click.option("--repeats", type=int, default=3, show_default=True)
@click.option("--every-tile-repeats", type=int, default=1, show_default=True, help="Of the slowest way; may be 0.")
@click.option("--layouts", is_flag=True, help="Build and measure every layout.")
@click.option("--layout", "names", multiple=True, help="Only this one; may be given again.")
def main(
    slides: tuple[Path, ...],
    mpp: float,
    tile_size: int,
    side: int,
    repeats: int,
    every_tile_repeats: int,
    layouts: bool,
    names: tuple[str, ...],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if layouts or names:
            compare_layouts(Path(folder), names, side, repeats)
            return
        if not slides:
            slides = (Path(folder) / "built-20x.svs", Path(folder) / "built-40x.svs")
            for slide, power in zip(slides, (20, 40), strict=True):
                python("build", slide, str(side), str(power))
        for slide in slides:
            compare(slide, Path(folder), mpp, tile_size, repeats, every_tile_repeats)


def compare_layouts(folder: Path, names: tuple[str, ...], side: int, repeats: int) -> None:
    """Build a slide of each layout and run every way on it; of all layouts where no names are given."""
    known = json.loads(run_python(BUILDER).stdout)
    if unknown := [name for name in names if name not in known]:
        raise click.UsageError(f"there is no layout '{unknown[0]}': choose of {', '.join(known)}")
    for name in names or known:
        description, mpp, tile_size = known[name]
        slide = Path(json.loads(run_python(BUILDER, folder, name, str(side)).stdout))
        print(f"\n{description}:", end="")
        compare(slide, folder, mpp, tile_size, repeats, every_tile_repeats=0)
        slide.unlink()


def compare(slide: Path, folder: Path, mpp: float, tile_size: int, repeats: int, every_tile_repeats: int) -> None:
    """Run every way on a slide and print a line for each."""
    store, records, others = (folder / name for name in ("slidemill.zarr.zip", "slidemill.tfrecord", "others.jpegs"))
    slidemill = {
        threads: [
            *(sys.executable, str(TILE_SLIDE), "--slide", str(slide), "--slide-id", "S", "--patient-id", "P"),
            *("--mpp", str(mpp), "--tile-size", str(tile_size), "--max-background", "0.5", "--jpeg-quality", "85"),
            *("--reader", "auto", "--threads", str(threads)),
            *("--store", str(store), str(records)),
        ]
        for threads in (1, 2)
    }
    measured(slidemill[1])  # into the page cache, and its kept tiles are those of all
    tile_count = json.loads(python("kept", store).stdout)
    ways = {
        "limit": lambda: limit(slide, store),
        "slidemill, 1 thread": lambda: measured(slidemill[1]),
        "slidemill, 2 threads": lambda: measured(slidemill[2]),
        "OpenSlide + Pillow, mask first": lambda: measured(command("openslide-masked", slide, store, others)),
        "OpenSlide + Pillow, every tile": lambda: measured(command("openslide-every", slide, store, others)),
    }
    if python("has-cucim", check=False).returncode == 0:
        ways["cuCIM + simplejpeg, mask first"] = lambda: measured(command("cucim-masked", slide, store, others))
    runs: dict[str, list[Run]] = {name: [] for name in ways}
    for repeat in range(repeats):
        for name, way in ways.items():
            if name != "OpenSlide + Pillow, every tile" or repeat < every_tile_repeats:
                for file in (records, others):  # to take the place of a large file costs more than to write a new one
                    file.unlink(missing_ok=True)
                runs[name].append(way())
    report(slide, tile_count, runs)


def report(slide: Path, tile_count: int, runs: dict[str, list[Run]]) -> None:
    """Print medians, and what slidemill's is over each."""
    own = statistics.median(run.cpu_s for run in runs["slidemill, 1 thread"])
    print(f"\n{slide.name}: {tile_count} tiles kept")
    print(f"{'':34}{'tiles/s CPU':>12}{'CPU s':>8}{'wall s':>8}{'peak MB':>9}{'slidemill is':>14}")
    for name, several in ((name, several) for name, several in runs.items() if several):
        cpu = statistics.median(run.cpu_s for run in several)
        wall = statistics.median(run.wall_s for run in several)
        peak = max(run.peak_mb for run in several)
        print(f"{name:34}{tile_count / cpu:12.0f}{cpu:8.2f}{wall:8.2f}{peak:9.0f}{cpu / own:13.2f}x")
    wall = {
        threads: statistics.median(run.wall_s for run in runs[f"slidemill, {threads} thread{'s' * (threads > 1)}"])
        for threads in (1, 2)
    }
    print(f"2 threads against 1, wall time: {wall[1] / wall[2]:.2f}x", flush=True)


def measured(arguments: list[str]) -> Run:
    """Run a process and measure all of it."""
    started = time.perf_counter()
    process = subprocess.Popen(arguments, stderr=subprocess.PIPE, env=os.environ | ONE_THREAD)
    assert process.stderr is not None
    errors = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stderr.close()
    if process.returncode:
        raise click.ClickException(errors.decode())
    return Run(
        cpu_s=usage.ru_utime + usage.ru_stime,
        wall_s=time.perf_counter() - started,
        peak_mb=usage.ru_maxrss / 1024,
    )


def limit(slide: Path, store: Path) -> Run:
    """The codec alone."""
    result = json.loads(python("limit", slide, store).stdout)
    return Run(cpu_s=result["cpu_s"], wall_s=result["cpu_s"], peak_mb=result["peak_mb"])


def command(name: str, *arguments: Path | str) -> list[str]:
    """A contestant's command line."""
    return [sys.executable, str(CONTESTANTS), name, *map(str, arguments)]


def python(name: str, *arguments: Path | str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a contestant that prints its result."""
    return run_python(CONTESTANTS, name, *arguments, check=check)


def run_python(program: Path, *arguments: Path | str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program that prints its result."""
    process = subprocess.run([sys.executable, program, *arguments], check=False, capture_output=True, text=True)
    if check and process.returncode:
        raise click.ClickException(process.stderr)
    return process


if __name__ == "__main__":
    main()
