"""Small encoders and small slides."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import openslide
import pytest

from slidemill.features.encoder import EncoderSetup
from slidemill.features.extract import EncoderFolders, extract_features
from slidemill.features.spec import EncoderSpec, Normalisation
from slidemill.features.store import FeatureStore, features_path, read_features
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import TileStore, read_store

INPUT_SIZE = 32
TILE_SIZE = 64
HALF = Normalisation((0.5, 0.5, 0.5), (0.25, 0.25, 0.25))


def write_network(path: Path, *, dimension: int = 12, channels_last: bool = False, scale: float = 1.0) -> Path:
    """A convolution and an average as an ONNX file."""
    import onnx  # which the environment of torch does without
    from onnx import TensorProto, helper, numpy_helper

    kernels = np.random.default_rng(7).normal(size=(dimension, 3, 5, 5)).astype(np.float32) * scale
    shape = ["n", INPUT_SIZE, INPUT_SIZE, 3] if channels_last else ["n", 3, INPUT_SIZE, INPUT_SIZE]
    first = [helper.make_node("Transpose", ["images"], ["planes"], perm=[0, 3, 1, 2])] if channels_last else []
    graph = helper.make_graph(
        [
            *first,
            helper.make_node("Conv", ["planes" if channels_last else "images", "kernels"], ["maps"], strides=[2, 2]),
            helper.make_node("Relu", ["maps"], ["positive"]),
            helper.make_node("GlobalAveragePool", ["positive"], ["averages"]),
            helper.make_node("Flatten", ["averages"], ["features"]),
        ],
        "small",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, shape)],
        [
            helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", dimension]),
            helper.make_tensor_value_info("maps", TensorProto.FLOAT, None),
        ],
        [numpy_helper.from_array(kernels, "kernels")],
    )
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 13)], ir_version=8), path)
    return path


@dataclass
class Cohort:
    """Slides with tile stores in a folder."""

    folder: Path
    slides: dict[str, Path]

    @property
    def tiles(self) -> Path:
        return self.folder / "tiles"

    def index(self, slide_id: str) -> Path:
        return self.tiles / f"{slide_id}.zarr.zip"

    def store(self, slide_id: str) -> TileStore:
        return read_store(self.index(slide_id))

    def tiles_by_openslide(self, slide_id: str) -> np.ndarray:
        """The tiles of an aligned slide as OpenSlide reads them, (tiles, side, side, 3)."""
        with openslide.OpenSlide(self.slides[slide_id]) as slide:
            corners = self.store(slide_id).coordinates.tolist()
            regions = [slide.read_region(corner, 0, (TILE_SIZE, TILE_SIZE)).convert("RGB") for corner in corners]
        return np.stack([np.asarray(region) for region in regions])

    def extract(
        self,
        *specs: EncoderSpec,
        to: Path,
        slides: list[str] | None = None,
        setup: EncoderSetup | None = None,
        **options,
    ) -> None:
        """Extract features to a folder for each encoder."""
        extract_features(
            {slide_id: self.slides[slide_id] for slide_id in slides or self.slides},
            [EncoderFolders(spec, to / spec.name, to / "kept" / spec.name) for spec in specs],
            setup or EncoderSetup(tile_size=0, batch_size=8, threads=2),
            tiles_folder=self.tiles,
            **options,
        )


def features_in(folder: Path, spec: EncoderSpec, slide_id: str) -> FeatureStore:
    return read_features(features_path(folder / spec.name, slide_id))


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*.zarr.zip"))}


@pytest.fixture(scope="session")
def cohort(tmp_path_factory: pytest.TempPathFactory, draw_slide: Callable[[str], Path]) -> Cohort:
    """Two slides at 20x, one at 40x with other scale, one without tissue, one that is no slide."""
    folder = tmp_path_factory.mktemp("cohort")
    recipes = {
        "A": "glands 20x 0.4x0.3mm",
        "B": "nests 20x 0.3x0.4mm",
        "fine": "glands 40x 0.3x0.3mm",
        "empty": "none 20x 0.3x0.3mm",
    }
    slides = {slide_id: draw_slide(recipe) for slide_id, recipe in recipes.items()}
    slides["damaged"] = folder / "damaged.svs"
    slides["damaged"].write_bytes(b"II*\0 no slide")
    cohort = Cohort(folder, slides)
    parameters = TilingParameters(mpp=0.5, tile_size=TILE_SIZE, max_background=0.5, jpeg_quality=90)
    for slide_id, path in slides.items():
        source = SlideSource(path, slide_id, f"P-{slide_id}")
        records, store = cohort.tiles / f"{slide_id}.tfrecord", cohort.tiles / f"{slide_id}.zarr.zip"
        tile_slide(source, parameters, records=records, store=store)
    return cohort


@pytest.fixture(scope="session")
def small(tmp_path_factory: pytest.TempPathFactory) -> EncoderSpec:
    """A small ONNX encoder."""
    file = write_network(tmp_path_factory.mktemp("encoder") / "small.onnx")
    return EncoderSpec(name="small", kind="onnx", input_size=INPUT_SIZE, normalisation=HALF, file=file)
