"""The viewer's server: screenfuls of tiles, memory over many slides, the cohort of thousands.

    .venv/bin/python benchmarks/viewer.py                  a large slide that it builds by itself
    .venv/bin/python benchmarks/viewer.py --slide SLIDE

A screenful is 24 neighbouring tiles at a random place of a level, asked for by six connections as a browser does, after
those of the screen before have come; client and server share the cores. The same screens go to the viewer, and to
OpenSlide's DeepZoomGenerator in the same web server with as many threads (`viewer_deepzoom.py`); the pyramid alone, in
memory and without HTTP, is read by one thread. Ways are interleaved; medians of rounds are printed.
"""

import http.client
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import click
import numpy as np
import psutil
from large_slide import build_large_slide

from slidemill.evaluation.slides_table import SlideRow, write_slides
from slidemill.inference.store import Predictions, write_predictions
from slidemill.slides import open_slide
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, write_store
from slidemill.units import SlidePixels
from slidemill.viewing.pyramid import Pyramid

VIEW = Path(__file__).parents[1] / "scripts" / "view.py"
DEEPZOOM = Path(__file__).with_name("viewer_deepzoom.py")
TOKEN = "a-token"  # noqa: S105
CONFIG = {"classes": ["A", "B"], "method": "tiles"}
COLUMNS, ROWS, CONNECTIONS = 6, 4, 6

Tile = tuple[int, int, int]  # place of a level in the pyramid, column, row


@click.command(help=__doc__)
@click.option("--slide", type=click.Path(exists=True, path_type=Path))
@click.option("--side", type=int, default=32768, show_default=True, help="Of the slide to build, pixels.")
@click.option("--screens", type=int, default=60, show_default=True, help="In a round.")
@click.option("--rounds", type=int, default=3, show_default=True)
@click.option("--cohort", type=int, default=5000, show_default=True, help="Slides of the cohort.")
@click.option("--opened", type=int, default=100, show_default=True, help="Slides that are opened in turn.")
def main(slide: Path | None, side: int, screens: int, rounds: int, cohort: int, opened: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if slide is None:
            slide = folder / "built.svs"
            build_large_slide(slide, side_px=side, power=20)
        compare(folder, slide, screens, rounds)
        open_in_turn(folder / "opened", slide, opened)
        ask_for_cohort(folder / "cohort", slide, cohort)


def compare(folder: Path, slide: Path, count: int, rounds: int) -> None:
    """Screenfuls by each way."""
    with open_slide(slide) as reader:
        pyramid = Pyramid(reader)
        shown = list(random_screens(pyramid, count * rounds))
        factors = [round(level.downsample) for level in pyramid.levels]
        write_sheet(folder, [("S", slide)])
        deepzoom = [sys.executable, str(DEEPZOOM), str(slide), str(pyramid.tile_size), "2"]
        found: dict[str, list[list[float]]] = {"viewer": [], "DeepZoomGenerator": [], "pyramid alone": []}
        with started(view_command(folder)) as viewer, started(deepzoom) as other:
            for number in range(rounds):
                some = shown[number * count : (number + 1) * count]
                ours = [[f"/api/slides/S/pixels/{level}/{x}/{y}.jpg" for level, x, y in screen] for screen in some]
                theirs = [[f"/pixels/{factors[level]}/{x}/{y}.jpg" for level, x, y in screen] for screen in some]
                found["viewer"].append(timed_screens(viewer.port, ours))
                found["DeepZoomGenerator"].append(timed_screens(other.port, theirs))
                found["pyramid alone"].append(timed_pyramid(pyramid, some))
    print(f"{slide.name}: {pyramid.levels[0].width} x {pyramid.levels[0].height}, tiles of {pyramid.tile_size}")
    own = rate(found["viewer"])
    for way, several in found.items():
        p95 = statistics.median(float(np.percentile(seconds, 95)) for seconds in several)
        times = own / rate(several)
        print(f"{way:20}{rate(several):8.0f} tiles/s, p95 of a screenful {1000 * p95:7.1f} ms, viewer is {times:.2f}x")
    sys.stdout.flush()


def random_screens(pyramid: Pyramid, count: int) -> Iterator[list[Tile]]:
    """Screens on the levels of the file that are larger than a screen, in turns."""
    random = np.random.default_rng(1)
    fit = [
        number
        for number, level in enumerate(pyramid.levels)
        if pyramid.is_stored(number) and level.columns > 2 * COLUMNS and level.rows > 2 * ROWS
    ]
    for screen in range(count):
        number = fit[screen % len(fit)]
        level = pyramid.levels[number]
        left, top = int(random.integers(level.columns - COLUMNS)), int(random.integers(level.rows - ROWS))
        yield [(number, left + x, top + y) for y in range(ROWS) for x in range(COLUMNS)]


def rate(rounds: list[list[float]]) -> float:
    """Tiles a second, the median of rounds."""
    return statistics.median(len(seconds) * COLUMNS * ROWS / sum(seconds) for seconds in rounds)


def timed_screens(port: int, screens: list[list[str]]) -> list[float]:
    """Seconds from asking for a screen until its last tile is there."""
    clients = [Client(port) for _ in range(CONNECTIONS)]
    seconds = []
    for screen in screens:
        left = list(reversed(screen))
        start = time.perf_counter()
        threads = [threading.Thread(target=client.take, args=(left,)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        seconds.append(time.perf_counter() - start)
    return seconds


def timed_pyramid(pyramid: Pyramid, screens: list[list[Tile]]) -> list[float]:
    seconds = []
    for screen in screens:
        start = time.perf_counter()
        for tile in screen:
            pyramid.jpeg(*tile)
        seconds.append(time.perf_counter() - start)
    return seconds


class Client:
    """A connection that is kept."""

    def __init__(self, port: int) -> None:
        self._connection = http.client.HTTPConnection("127.0.0.1", port)

    def take(self, paths: list[str]) -> None:
        """Ask for paths until there are none."""
        while True:
            try:
                path = paths.pop()
            except IndexError:
                return
            self.get(path)

    def get(self, path: str, **headers: str) -> tuple[int, bytes, str]:
        self._connection.request("GET", path, headers={"Authorization": f"Bearer {TOKEN}", **headers})
        answer = self._connection.getresponse()
        content = answer.read()
        assert answer.status in (200, 304), content
        return answer.status, content, answer.headers.get("etag", "")


class Server:
    """A server in a process of its own."""

    def __init__(self, process: subprocess.Popen[str], port: int) -> None:
        self.process = process
        self.port = port

    def memory_mb(self) -> float:
        return float(psutil.Process(self.process.pid).memory_info().rss) / 2**20


@contextmanager
def started(command: list[str]) -> Iterator[Server]:
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ | {"SLIDEMILL_TOKEN": TOKEN},
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "http://" in line:
            break
    else:
        raise click.ClickException(f"{command[1]} did not start")
    port = int(line.partition("http://127.0.0.1:")[2].strip().partition("/")[0])
    try:
        yield Server(process, port)
    finally:
        process.terminate()
        process.wait()


def view_command(folder: Path) -> list[str]:
    results = str(folder / "results")
    places = ["--sheet", str(folder / "slides.tsv"), "--results", results, "--shared", results]
    return [sys.executable, str(VIEW), *places, "--config", json.dumps(CONFIG), "--port", "0", "--threads", "2"]


def write_sheet(folder: Path, slides: list[tuple[str, Path]]) -> None:
    folder.mkdir(exist_ok=True)
    rows = "".join(f"{name}\tP-{name}\tA\t{path}\n" for name, path in slides)
    (folder / "slides.tsv").write_text(f"slide_id\tpatient_id\tlabel\tpath\n{rows}")


def open_in_turn(folder: Path, slide: Path, count: int) -> None:
    """Memory of the server while many slides are opened one after the other."""
    folder.mkdir()
    paths = [folder / f"{number}.svs" for number in range(count)]
    for path in paths:
        path.hardlink_to(slide)
    write_sheet(folder, [(path.stem, path) for path in paths])
    with started(view_command(folder)) as server:
        client, memory = Client(server.port), []
        for path in paths:
            client.get(f"/api/slides/{path.stem}")
            for column in range(8):
                client.get(f"/api/slides/{path.stem}/pixels/0/{column}/0.jpg")
            memory.append(server.memory_mb())
    print(
        f"memory: {memory[0]:.0f} MB with one slide, {memory[19]:.0f} with 20, {memory[-1]:.0f} with {count}",
        flush=True,
    )


def ask_for_cohort(folder: Path, slide: Path, count: int) -> None:
    """How long the cohort takes: the first time, until all of it is known, and again."""
    names = [f"S{number:05}" for number in range(count)]
    write_sheet(folder, [(name, slide) for name in names])
    write_results(folder / "results", names)
    with started(view_command(folder)) as server:
        client = Client(server.port)
        start = time.perf_counter()
        _, content, tag = client.get("/api/cohort")
        first = time.perf_counter() - start
        slowest = first
        while not json.loads(content)["complete"]:
            before = time.perf_counter()
            _, content, tag = client.get("/api/cohort")
            slowest = max(slowest, time.perf_counter() - before)
        whole = time.perf_counter() - start
        time.sleep(3)  # it looks at the files again
        before = time.perf_counter()
        status, _, _ = client.get("/api/cohort", **{"If-None-Match": f"{tag}"})
        again = time.perf_counter() - before
    print(
        f"cohort of {count}: first answer {first:.2f} s, slowest {slowest:.2f} s, all known {whole:.2f} s, again "
        f"{again:.2f} s ({status}), {len(content) / 1e6:.1f} MB",
        flush=True,
    )


def write_results(results: Path, names: list[str]) -> None:
    """Tile stores of all, predictions of the validation and test slides, results of the latter."""
    (results / "tiles").mkdir(parents=True)
    (results / "predictions").mkdir()
    (results / "evaluation").mkdir()
    splits = ["train", "train", "validation", "test", "test"]
    split_of = {name: splits[number % 5] for number, name in enumerate(names)}
    corners = np.stack([np.arange(100) * 512, np.zeros(100, np.int64)], axis=1)
    scores = np.tile(np.float32([0.75, 0.25]), (100, 1))
    for name, split in split_of.items():
        write_store(results / "tiles" / f"{name}.zarr.zip", TileStore(summary_of(name)))
        if split != "train":
            predictions = Predictions(name, f"P-{name}", ("A", "B"), corners, scores, SlidePixels(512), "", "cafe")
            write_predictions(results / "predictions" / f"{name}.zarr.zip", predictions)
    rows = [SplitRow(name, f"P-{name}", "A", "", split, 100, "usable", "") for name, split in split_of.items()]  # type: ignore[arg-type]
    write_splits(results / "splits.tsv", rows)
    tested = [row_of(name) for name, split in split_of.items() if split == "test"]
    write_slides(results / "evaluation" / "slides.tsv", tested, ["A", "B"])


def summary_of(name: str) -> StoreSummary:
    return StoreSummary(
        slide_id=name,
        patient_id=f"P-{name}",
        status="usable",
        reason="",
        flags=(),
        tile_count=100,
        grid_count=200,
        tile_extent=SlidePixels(512),
        parameters={"tile_size": 512, "mpp": 0.5},
        slide=SlideFacts("aperio", SlidePixels(32768), SlidePixels(32768), 0.5, "properties", 20.0),
        versions={},
    )


def row_of(name: str) -> SlideRow:
    return SlideRow(
        slide_id=name,
        patient_id=f"P-{name}",
        site="",
        fold=None,
        label="A",
        predicted="A",
        scores={"A": 0.75, "B": 0.25},
        predicted_by={"mean": "A"},
        majority_fraction=1.0,
        tile_count=100,
        status="usable",
        reason="",
    )


if __name__ == "__main__":
    main()
