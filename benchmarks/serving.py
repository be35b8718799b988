"""Tiles a second of the service under many clients, against the model on full batches of JPEGs in memory.

    .venv/bin/python benchmarks/serving.py [--architecture InceptionV3 --input-size 299] [--clients 32] [--tiles 2000]

Each client sends one JPEG tile of 512 pixels, waits for its scores and sends the next; clients and service share the
cores. Decoding counts on both sides. Ways are interleaved; ratios are medians of those in one round, of wall time and
of CPU time of all processes that take part. The published way, a tile as numbers in JSON, is measured without HTTP.
"""

import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from pathlib import Path

import click
import numpy as np
import psutil
import simplejpeg

SIDE = 512
BATCH_SIZE = 64


def draw_tiles(count: int) -> list[bytes]:
    random = np.random.default_rng(0)
    tiles = []
    for _ in range(count):
        coarse = random.integers(60, 255, (SIDE // 8, SIDE // 8, 3), np.uint8)
        tiles.append(simplejpeg.encode_jpeg(np.ascontiguousarray(coarse.repeat(8, 0).repeat(8, 1)), quality=85))
    return tiles


def ask(port: int, tiles: list[bytes], numbers: "list[int]", seconds: list[float]) -> None:
    """What one client does: it takes numbers of tiles until there are none."""
    with socket.create_connection(("127.0.0.1", port)) as connection:
        while True:
            try:
                tile = tiles[numbers.pop() % len(tiles)]
            except IndexError:
                return
            start = time.perf_counter()
            head = "POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\n"
            connection.sendall(f"{head}Content-Length: {len(tile)}\r\n\r\n".encode() + tile)
            answer = connection.recv(65536)
            while b"\r\n\r\n" not in answer or not answer.endswith(b"}"):
                answer += connection.recv(65536)
            assert answer.startswith(b"HTTP/1.1 200"), answer
            seconds.append(time.perf_counter() - start)


class Server:
    """The service in a process of its own."""

    def __init__(self, model: Path, threads: int) -> None:
        command = [sys.executable, "-m", "slidemill.serving", "--model", model, "--port", "0", "--threads", threads]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 - closed with the process
        self.process = subprocess.Popen(
            list(map(str, command)), stdout=subprocess.PIPE, stderr=self._log, text=True, env=os.environ
        )
        line = self.process.stdout.readline()
        self.port = int(line[line.index("http://") :].split()[0].rpartition(":")[2].rstrip("/"))
        self._seen = psutil.Process(self.process.pid)

    def cpu(self) -> float:
        times = self._seen.cpu_times()
        return times.user + times.system

    def memory_mb(self) -> float:
        return self._seen.memory_info().rss / 1e6

    def end(self) -> None:
        self.process.terminate()
        self.process.wait()


def load(server: Server, tiles: list[bytes], count: int, clients: int) -> list[float]:
    """Seconds that each request took."""
    seconds: list[float] = []
    numbers = list(range(count))
    threads = [threading.Thread(target=ask, args=(server.port, tiles, numbers, seconds)) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seconds) == count
    return seconds


def measured(work: Callable[[], object], cpu: Callable[[], float]) -> tuple[float, float]:
    """Wall and CPU seconds."""
    wall, used = time.perf_counter(), cpu()
    work()
    return time.perf_counter() - wall, cpu() - used


@click.command(help=__doc__)
@click.option("--architecture", default="small_cnn", show_default=True)
@click.option("--input-size", default=128, show_default=True, help="Side of the model's input, pixels.")
@click.option("--clients", default=32, show_default=True)
@click.option("--tiles", default=2000, show_default=True, help="Of each way in each round.")
@click.option("--rounds", default=3, show_default=True)
@click.option("--threads", default=2, show_default=True)
@click.option("--then", "more", default=0, show_default=True, help="Requests after that, to see the memory.")
def main(architecture: str, input_size: int, clients: int, tiles: int, rounds: int, threads: int, more: int) -> None:
    from slidemill.classifier.input import prefetched
    from slidemill.classifier.models import build_model
    from slidemill.classifier.tiles import decode_tile
    from slidemill.inference.keras_tile_model import KerasTileModel
    from slidemill.training.backend import configure, tf
    from slidemill.training.description import ModelDescription
    from slidemill.training.model_file import save_model

    configure(threads)
    jpegs = draw_tiles(256)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "model.keras"
        description = ModelDescription(architecture, ("A", "B", "C"), SIDE, 0.5, input_size, "resize", "", {})
        save_model(path, build_model(architecture, input_size=input_size, class_count=3), description)
        server = Server(path, threads)
        model = KerasTileModel(path, description, threads=threads)
        dataset = tf.data.Dataset.from_tensor_slices(jpegs).repeat().take(tiles)
        batches = prefetched(
            dataset.map(lambda jpeg: decode_tile(jpeg, model.shape), num_parallel_calls=threads).batch(BATCH_SIZE),
            threads,
        )

        def bare() -> None:
            for images in batches:
                model.scores(images.numpy())

        def as_numbers(count: int) -> None:
            for number in range(count):
                body = json.dumps({"instances": [simplejpeg.decode_jpeg(jpegs[number]).astype(np.float32).tolist()]})
                image = np.array(json.loads(body)["instances"], np.float32)
                model.scores(image[:, :: SIDE // model.shape.decoded, :: SIDE // model.shape.decoded].astype(np.uint8))

        bare()
        load(server, jpegs, min(tiles, 500), clients)  # prepares all sizes of batches
        memory = [server.memory_mb()]
        rows, seconds = [], []
        for number in range(rounds):
            served = measured(
                lambda: seconds.extend(load(server, jpegs, tiles, clients)),
                lambda: server.cpu() + time.process_time(),
            )
            alone = measured(bare, time.process_time)
            rows.append((*served, *alone))
            print(
                f"round {number}: service {tiles / served[0]:.1f} tiles/s ({1000 * served[1] / tiles:.2f} CPU ms a "
                f"tile), model {tiles / alone[0]:.1f} ({1000 * alone[1] / tiles:.2f})",
                flush=True,
            )
            memory.append(server.memory_mb())
        few = 8
        published, _ = measured(lambda: as_numbers(few), time.process_time)
        wall = statistics.median(row[2] / row[0] for row in rows)
        used = statistics.median(row[3] / row[1] for row in rows)
        p50, p99 = np.percentile(seconds, [50, 99]) * 1000
        print(
            f"{architecture} at {input_size}, {clients} clients: ratio of wall time {wall:.2f}, of CPU time {used:.2f}"
        )
        print(f"p50 {p50:.0f} ms, p99 {p99:.0f} ms; one tile as numbers at a time: {few / published:.2f} tiles/s")
        if more:
            for _ in range(5):
                load(server, jpegs, more // 5, clients)
                memory.append(server.memory_mb())
        print("memory of the service, MB:", " ".join(f"{own:.0f}" for own in memory))
        server.end()


if __name__ == "__main__":
    main()
