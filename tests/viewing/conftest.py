"""A small run with slides of several kinds, and a viewer of it in the process of the tests."""

import asyncio
import json
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pytest

from slidemill.evaluation.slides_table import SlideRow, write_slides
from slidemill.inference.store import Predictions, write_predictions
from slidemill.slides import open_slide
from slidemill.splits.table import SplitRow, write_splits
from slidemill.tiling.store import SlideFacts, StoreSummary, TileStore, store_paths, write_store
from slidemill.units import SlidePixels
from slidemill.viewing.application import build_application
from slidemill.viewing.places import Places
from slidemill.viewing.start import LIMITS
from slidemill.viewing.viewer import make_viewer
from slidemill.web.settings import Access

from ..scn_slide import write_scn
from ..slides.tiff_cases import CASES, texture, write

CLASSES = ("LUAD", "LUSC")
CONFIG = {"classes": list(CLASSES), "method": "tiles", "evaluation": {"aggregation": "mean", "top_k": 20}}
TOKEN = "a-secret-of-the-tests"
EXTENT = 128
JPEG = next(case for case in CASES if case.name == "JPEG YCbCr 4:2:0")
LZW = next(case for case in CASES if case.name == "LZW")
CORNER, CANVAS = (320, 640), (2048, 2560)  # of the slide with bounds


@dataclass(frozen=True)
class Reply:
    status: int
    headers: dict
    body: bytes

    @property
    def json(self):
        return json.loads(self.body)


async def answer(app, url, *, method="GET", headers=None, body=b"", token=TOKEN, host="127.0.0.1:1"):
    """One request to an application, without a network."""
    parts = urlsplit(url)
    own = {"host": host} | ({"authorization": f"Bearer {token}"} if token else {}) | (headers or {})
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": unquote(parts.path, errors="replace"),
        "raw_path": parts.path.encode("utf-8", "replace"),
        "query_string": parts.query.encode("utf-8", "replace"),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in own.items()],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 1),
    }
    sent = []
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive():
        if messages:
            return messages.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message):
        sent.append(message)

    await app(scope, receive, send)
    headers = {name.decode(): value.decode("latin-1") for name, value in sent[0]["headers"]}
    return Reply(sent[0]["status"], headers, b"".join(message.get("body", b"") for message in sent[1:]))


@dataclass
class Run:
    """A cohort on a disk and its viewer."""

    folder: Path
    config: dict

    def __post_init__(self):
        self.results = self.folder / "results"
        self.sheet = self.folder / "slides.tsv"

    def viewer(self, **options):
        places = Places(self.results, self.results, self.config)
        return make_viewer(self.sheet, places, **options)

    def app(self, **access):
        return build_application(self.viewer(), Access(token=TOKEN, limits=LIMITS, **access))

    def ask(self, url, **options):
        if not hasattr(self, "_app"):
            self._app = self.app()
        return asyncio.run(answer(self._app, url, **options))

    def anew(self):
        """The same files, and a viewer that knows nothing of them yet."""
        return Run(self.folder, self.config)


def write_sheet(path, rows):
    columns = ("slide_id", "patient_id", "site", "label", "path", "mpp", "annotation")
    lines = ["\t".join(columns), *("\t".join(str(row.get(name, "")) for name in columns) for row in rows)]
    path.write_text("\n".join(lines) + "\n")


def store_of(slide_id, size, *, mpp=0.5, bounds=None, reason="", extent=EXTENT, tiles=4):
    """A tile store with a thumbnail a tenth of the slide's size, in which the upper left quarter is tissue."""
    width, height = size
    summary = StoreSummary(
        slide_id=slide_id,
        patient_id=f"P-{slide_id}",
        status="set_aside" if reason else "usable",
        reason=reason,
        flags=() if reason else ("pen_marks",),
        tile_count=0 if reason else tiles,
        grid_count=20,
        tile_extent=SlidePixels(extent),
        parameters={"tile_size": 64, "mpp": 1.0},
        slide=SlideFacts("generic", SlidePixels(width), SlidePixels(height), mpp, "properties", None, bounds=bounds),
        versions={},
        reader="direct",
    )
    mask = np.zeros((height // 10, width // 10), bool)
    mask[: height // 20, : width // 20] = True
    thumbnail = np.full((height // 10, width // 10, 3), 200, np.uint8)
    if reason:
        return TileStore(summary, tissue_mask=mask, thumbnail=thumbnail)
    return TileStore(
        summary,
        coordinates=corners(tiles, bounds),
        tissue_fraction=np.linspace(0.5, 1, tiles, dtype=np.float32),
        ink_fraction=np.zeros(tiles, np.float32),
        sharpness=np.full(tiles, 0.5, np.float32),
        quality=np.array([0, 1, 2, 3] * tiles, np.uint8)[:tiles],
        offset=np.zeros(tiles, np.int64),
        length=np.zeros(tiles, np.int64),
        tissue_mask=mask,
        thumbnail=thumbnail,
    )


def corners(tiles, bounds=None):
    x, y = (bounds.x, bounds.y) if bounds else (0, 0)
    return np.array([(x + EXTENT * (n % 2), y + EXTENT * (n // 2)) for n in range(tiles)], np.int64).reshape(-1, 2)


def predictions_of(slide_id, first, *, attention=None, bounds=None, scores_tiles=True, reason=""):
    """Predictions of four tiles, of which `first` are the scores of the first class."""
    first = np.float32([] if reason else first)
    scores = np.stack([first, 1 - first], axis=1)
    has_attention = attention is not None
    return Predictions(
        slide_id=slide_id,
        patient_id=f"P-{slide_id}",
        classes=CLASSES,
        coordinates=corners(len(first), bounds),
        scores=scores if scores_tiles else np.zeros((0, 2), np.float32),
        tile_extent=SlidePixels(EXTENT),
        reason=reason,
        model_sha256="cafe",
        slide_scores=np.float32([first.mean(), 1 - first.mean()]) if has_attention else None,
        attention=np.float32(attention) if has_attention else None,
    )


def put_predictions(folder, *many):
    for predictions in many:
        path = folder / "predictions" / f"{predictions.slide_id}.zarr.zip"
        path.parent.mkdir(parents=True, exist_ok=True)
        write_predictions(path, predictions)


def put_store(results, store):
    path = store_paths(results / "tiles", store.summary.slide_id)[1]
    path.parent.mkdir(parents=True, exist_ok=True)
    write_store(path, store)


def put_splits(folder, splits):
    folder.mkdir(parents=True, exist_ok=True)
    rows = [SplitRow(name, f"P-{name}", "LUAD", "", split, 4, "usable", "") for name, split in splits.items()]
    write_splits(folder / "splits.tsv", rows)


def put_evaluation(folder, scores, fold=None):
    (folder / "evaluation").mkdir(parents=True, exist_ok=True)
    rows = [
        SlideRow(
            slide_id=name,
            patient_id=f"P-{name}",
            site="",
            fold=fold,
            label="LUAD",
            predicted="LUAD" if first >= 0.5 else "LUSC",
            scores={"LUAD": first, "LUSC": 1 - first},
            predicted_by={"mean": "LUAD"},
            majority_fraction=1.0,
            tile_count=4,
            status="usable",
            reason="",
        )
        for name, first in scores.items()
    ]
    write_slides(folder / "evaluation" / "slides.tsv", rows, CLASSES)


OUTLINE = {
    "type": "FeatureCollection",
    "features": [
        {
            "type": "Feature",
            "geometry": {"type": "Polygon", "coordinates": [[[10, 10], [90, 10], [90, 90], [10, 90], [10, 10]]]},
            "properties": {"objectType": "annotation", "classification": {"name": "tumour"}},
        }
    ],
}


@pytest.fixture(scope="session")
def run(tmp_path_factory):
    """Right, wrong, set aside, without a file, with bounds, LZW and only tiled; two runs."""
    own = Run(tmp_path_factory.mktemp("viewed"), CONFIG)
    folder, results = own.folder, own.results
    base = texture()
    levels = [base, base[::4, ::4]]
    for name in ("right", "wrong", "aside", "tiled"):
        write(folder / f"{name}.tiff", JPEG, levels)
    write(folder / "lzw.tiff", LZW, levels)
    write_scn(
        folder / "bounds.scn",
        np.ascontiguousarray(np.tile(base, (2, 2, 1))[:1024, :1024]),
        corner=CORNER,
        canvas=CANVAS,
    )
    (folder / "right.geojson").write_text(json.dumps(OUTLINE))
    names = ("right", "wrong", "aside", "tiled", "lzw")
    rows = [
        {"slide_id": name, "patient_id": f"P-{name}", "label": "LUAD", "path": folder / f"{name}.tiff"}
        for name in names
    ]
    rows[0] |= {"annotation": folder / "right.geojson", "mpp": 0.4, "site": "S1"}
    rows += [
        {"slide_id": "bounds", "patient_id": "P-bounds", "label": "LUSC", "path": folder / "bounds.scn"},
        {"slide_id": "gone", "patient_id": "P-gone", "label": "LUSC", "path": folder / "gone.tiff"},
        {"slide_id": "far", "patient_id": "P-far", "label": "LUSC", "path": "s3://bucket/far.svs"},
    ]
    write_sheet(own.sheet, rows)
    size = (base.shape[1], base.shape[0])
    with open_slide(folder / "bounds.scn") as reader:
        bounds = reader.properties.bounds
        canvas = (reader.properties.width, reader.properties.height)
    put_store(results, store_of("right", size, mpp=0.4))
    for name in ("wrong", "tiled", "lzw", "gone"):
        put_store(results, store_of(name, size))
    put_store(results, store_of("aside", size, reason="aside has no tissue."))
    put_store(results, store_of("bounds", canvas, bounds=bounds))
    put_splits(
        results,
        {"right": "test", "wrong": "test", "aside": "test", "tiled": "train", "lzw": "validation", "bounds": "test"},
    )
    put_predictions(
        results,
        predictions_of("right", [0.9, 0.8, 0.7, 0.6]),
        predictions_of("wrong", [0.1, 0.2, 0.3, 0.45]),
        predictions_of("lzw", [0.9, 0.9, 0.9, 0.9]),
        predictions_of("bounds", [0.2, 0.2, 0.2, 0.2], bounds=bounds),
        predictions_of("aside", [], reason="aside has no tissue."),
    )
    put_evaluation(results, {"right": 0.75, "wrong": 0.2625})
    mil = results / "experiments" / "mil"
    mil.mkdir(parents=True)
    (mil / "config.json").write_text(json.dumps(CONFIG | {"method": "mil", "features": {"encoder": "an_encoder"}}))
    put_splits(mil, {"right": "test", "wrong": "test"})
    put_predictions(
        mil,
        predictions_of("right", [0.9, 0.8, 0.7, 0.6], attention=[0.1, 0.2, 0.3, 0.4]),
        predictions_of("wrong", [0.1, 0.1, 0.1, 0.1], attention=[0.25] * 4, scores_tiles=False),
    )
    return own
