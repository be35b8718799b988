"""The built-in download client against curl: the same files from the same server on this machine, in turns.

    .venv/bin/python benchmarks/download.py [--files 200 --megabytes 8 --connections 4 --rounds 3]

Both fetch all files with the same number of connections at once. slidemill's client also checks the MD5 of every file
and flushes it to disk; curl is shown alone and followed by md5sum, which leaves files that are as certain.
"""

import json
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import click

from slidemill.cohort.gdc.download import DownloadOptions, download_slide
from slidemill.cohort.gdc.files import GdcFile

SERVER = Path(__file__).parents[1] / "tests" / "local_gdc.py"


@click.command(help=__doc__)
@click.option("--files", "count", type=int, default=200, show_default=True)
@click.option("--megabytes", type=float, default=8.0, show_default=True, help="Of each file.")
@click.option("--connections", type=int, default=4, show_default=True)
@click.option("--rounds", type=int, default=3, show_default=True)
def main(count: int, megabytes: float, connections: int, rounds: int) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = make_files(folder / "served", count, round(megabytes * 1e6))
        server = subprocess.Popen([sys.executable, SERVER, folder / "served"], stdout=subprocess.PIPE, text=True)
        try:
            assert server.stdout is not None
            told = json.loads(server.stdout.readline())
            files = [GdcFile(told["files"][f.filename], f.filename, f.md5, f.size) for f in files]
            compare(files, told["url"], folder, connections, rounds)
        finally:
            server.terminate()
            server.wait()


def compare(files: list[GdcFile], url: str, folder: Path, connections: int, rounds: int) -> None:
    """Time all ways, each in each round, and print their medians."""
    ways: dict[str, Callable[[Path], None]] = {
        "slidemill": lambda to: by_slidemill(files, url, to, connections),
        "curl": lambda to: by_curl(files, url, to, connections),
        "curl, then md5sum": lambda to: by_curl_and_md5sum(files, url, to, connections),
    }
    seconds: dict[str, list[float]] = {way: [] for way in ways}
    for _ in range(rounds):
        for way, fetch in ways.items():
            target = folder / "fetched"
            target.mkdir()
            start = time.perf_counter()
            fetch(target)
            seconds[way].append(time.perf_counter() - start)
            assert len(list(target.rglob("*.svs"))) == len(files)
            shutil.rmtree(target)
    megabytes = sum(file.size for file in files) / 1e6
    speed = {way: megabytes / statistics.median(own) for way, own in seconds.items()}
    click.echo(f"{len(files)} files, {megabytes:.0f} MB, {connections} connections, median of {rounds} rounds")
    for way, own in speed.items():
        click.echo(f"{way:20} {own:7.0f} MB/s   slidemill has {speed['slidemill'] / own:.2f} of it")


def by_slidemill(files: list[GdcFile], url: str, target: Path, connections: int) -> None:
    """As many slides at once as there are connections, one connection each."""
    options = DownloadOptions(client="https", server=url, connections=1, on_failure="stop")

    def fetch(file: GdcFile) -> None:
        download_slide(file, target / "slides" / file.filename, target / "on-the-way" / file.file_id, options)

    with ThreadPoolExecutor(connections) as pool:
        list(pool.map(fetch, files))


def by_curl(files: list[GdcFile], url: str, target: Path, connections: int) -> None:
    """One curl for all files."""
    config = "".join(f'url = "{url}/data/{file.file_id}"\noutput = "{target / file.filename}"\n' for file in files)
    command = [
        "curl",
        "--silent",
        "--no-progress-meter",
        "--fail",
        "--parallel",
        "--parallel-max",
        str(connections),
        "--config",
        "-",
    ]
    subprocess.run(command, input=config, text=True, check=True)


def by_curl_and_md5sum(files: list[GdcFile], url: str, target: Path, connections: int) -> None:
    """One curl for all files, then one md5sum for all files."""
    by_curl(files, url, target, connections)
    sums = "".join(f"{file.md5}  {target / file.filename}\n" for file in files)
    subprocess.run(["md5sum", "--check", "--quiet"], input=sums, text=True, check=True)


def make_files(folder: Path, count: int, size: int) -> list[GdcFile]:
    """Files of random bytes; their UUIDs are the server's to give."""
    folder.mkdir()
    nobody = "00000000-0000-0000-0000-000000000000"
    files = []
    for number in range(count):
        path = folder / f"file-{number:04}.svs"
        path.write_bytes(random.Random(number).randbytes(size))
        md5 = subprocess.run(["md5sum", path], capture_output=True, text=True, check=True).stdout.split()[0]
        files.append(GdcFile(nobody, path.name, md5, size))
    return files


if __name__ == "__main__":
    main()
