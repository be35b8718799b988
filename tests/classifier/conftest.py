import hashlib
import json

import numpy as np
import pytest
import simplejpeg

from slidemill.records import RecordWriter, encode_example

CLASSES = ("coarse", "fine")
PERIODS_PX = (16, 6)  # of the stripes of each class, whatever their direction
TILE_SIZE = 64


@pytest.fixture(scope="session", autouse=True)
def _one_thread(one_thread):
    """All tests here use TensorFlow, or may."""


def striped_tile(generator, label):
    y, x = np.mgrid[:TILE_SIZE, :TILE_SIZE]
    angle, phase = generator.uniform(0, 2 * np.pi, 2)
    wave = np.sin((x * np.cos(angle) + y * np.sin(angle)) * 2 * np.pi / PERIODS_PX[label] + phase)
    rgb = np.array([200, 120, 180]) + 40 * wave[..., None] + generator.normal(0, 10, (TILE_SIZE, TILE_SIZE, 3))
    return simplejpeg.encode_jpeg(np.clip(rgb, 0, 255).astype(np.uint8), quality=90)


def write_shard(path, *, tiles, seed):
    generator = np.random.default_rng(seed)
    with path.open("wb") as file:
        writer = RecordWriter(file)
        for number in range(tiles):
            label = number % len(CLASSES)
            tile = {
                "image/encoded": striped_tile(generator, label),
                "image/class/label": label,
                "slide/id": f"slide-{label}",
            }
            writer.write(encode_example(tile))


def write_plan(folder, *, ranks, train, validation):
    folder.mkdir(parents=True)
    plan = {
        "format": "slidemill shard plan 2",
        "classes": list(CLASSES),
        "seed": 1,
        "tile_size": TILE_SIZE,
        "tile_mpp": 0.5,
    }
    for kind, tiles in (("train", train), ("validation", validation)):
        paths = [folder / f"{kind}-{rank}-of-{ranks}.tfrecord" for rank in range(ranks)]
        for rank, path in enumerate(paths):
            write_shard(path, tiles=tiles, seed=[rank, tiles])
        per_class = {name: tiles * ranks // len(CLASSES) for name in CLASSES}
        plan[kind] = {
            "tiles_per_shard": tiles,
            "class_tiles": per_class,
            "shards": [_described(path, tiles) for path in paths],
        }
    path = folder / "plan.json"
    path.write_text(json.dumps(plan))
    return path


def _described(path, tiles):
    return {"file": path.name, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "tiles": tiles}


@pytest.fixture(scope="session")
def shard_plan(tmp_path_factory):
    """Shards for 2 ranks; the last validation batch of 16 is a partial one."""
    return write_plan(tmp_path_factory.mktemp("cohort") / "shards", ranks=2, train=100, validation=40)


@pytest.fixture(scope="session", name="write_plan")
def _write_plan():
    return write_plan
