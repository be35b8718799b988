"""model.onnx: the same scores as the model's, for each method, or no file."""

import json
import subprocess
import sys

import numpy as np
import onnx
import onnxruntime
import pytest

from slidemill.classifier.models import build_model
from slidemill.export import write_onnx
from slidemill.export.check_slides import CheckSlide, NoTilesError
from slidemill.export.drift import DriftError
from slidemill.export.write_onnx import export_onnx
from slidemill.features.store import features_path
from slidemill.hashing import file_sha256
from slidemill.inference.onnx_file import read_facts
from slidemill.inference.onnx_model import OnnxModel
from slidemill.inference.predict import SlideJob, predict_slides
from slidemill.inference.store import read_predictions
from slidemill.mil.model import feature_bag_model
from slidemill.mil.parameters import POOLINGS, MilModelParameters
from slidemill.mil.tile_networks import FeatureStatistics
from slidemill.onnx_session import ProviderMissingError
from slidemill.probe.model import probe_model
from slidemill.probe.regression import Coefficients, Standardisation
from slidemill.tiling.store import store_paths
from slidemill.training.backend import keras
from slidemill.training.description import ModelDescription, ModelFileError, read_description
from slidemill.training.model_file import save_model

from .test_predict import CLASSES, TILE_SIZE, set_aside_slide, slide
from .test_predict_features import DIMENSION, ENCODER, write_slide

pytestmark = pytest.mark.slow

LABELS = ("A", "B", "C")


def drawn(model, seed=0):
    """Weights that are far from those that a network starts with, so that scores differ from tile to tile."""
    generator = np.random.default_rng(seed)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + 0.1 * generator.normal(size=variable.shape))
    return model


def tile_model(path, *, input_size=32, fit="resize", architecture="small_cnn", precision="float32"):
    keras.utils.set_random_seed(3)
    model = drawn(build_model(architecture, input_size=input_size, class_count=3, precision=precision))
    save_model(path, model, ModelDescription(architecture, CLASSES, TILE_SIZE, 0.5, input_size, fit, "ab", {}))
    return path


def bag_model(path, pooling, *, ordered=False):
    keras.utils.set_random_seed(1)
    parameters = MilModelParameters(pooling=pooling, hidden=(8,), attention_width=8, ordered=ordered, seed=1)
    statistics = FeatureStatistics(np.linspace(-1, 1, DIMENSION), np.linspace(0.5, 2, DIMENSION))
    model = drawn(feature_bag_model(parameters, dimension=DIMENSION, class_count=3, statistics=statistics))
    save_model(path, model, ModelDescription(pooling, CLASSES, 256, 0.5, 224, "resize", "ab", {}, "mil", ENCODER))
    return path


def probe(path):
    generator = np.random.default_rng(2)
    standardisation = Standardisation(generator.normal(size=DIMENSION), generator.uniform(0.5, 2, DIMENSION))
    model = probe_model(standardisation, Coefficients(generator.normal(size=(DIMENSION, 3)), np.zeros(3)))
    save_model(path, model, ModelDescription("linear", CLASSES, 256, 0.5, 224, "resize", "ab", {}, "probe", ENCODER))
    return path


def tile_slides(folder, *, tiles=6):
    jobs = [slide(folder, name, tiles=tiles) for name in ("s1", "s22", "s333")]
    return [CheckSlide(label, job.source, job.store) for label, job in zip(LABELS, jobs, strict=True)]


def feature_slides(folder, *, tiles=(5, 1, 37)):
    slides = []
    for label, name, count in zip(LABELS, ("s1", "s22", "s333"), tiles, strict=True):
        write_slide(folder, name, count)
        slides.append(CheckSlide(label, features_path(folder / "features", name), store_paths(folder, name)[1]))
    return slides


def exported(model_file, slides, **options):
    output = model_file.with_name("model.onnx")
    export_onnx(model_file, slides, output=output, check_json=model_file.with_name("check.json"), **options)
    return output


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """A tile classifier, its network and slides, which tests leave as they are."""
    folder = tmp_path_factory.mktemp("shared")
    slides = tile_slides(folder)
    model_file = tile_model(folder / "model.keras")
    return model_file, exported(model_file, slides), slides


def predicted(slides, model_file, folder, **options):
    """What each engine says of slides that were checked."""
    jobs = [SlideJob(one.source, one.store, folder / one.store.name) for one in slides]
    assert predict_slides(jobs, model_file, **options) == []
    return [read_predictions(job.output) for job in jobs]


def assert_the_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        for name in ("coordinates", "scores", "slide_scores", "attention"):
            own, of_model = getattr(one, name), getattr(other, name)
            assert (own is None) == (of_model is None)
            if of_model is not None:
                np.testing.assert_allclose(own, of_model, atol=1e-5)


def assert_nothing_is_scored(network, folder):
    empty = set_aside_slide(folder, "bad", "no tissue")
    assert predict_slides([empty], network) == []
    found = read_predictions(empty.output)
    assert (found.scores.shape, found.slide_scores, found.reason) == ((0, 3), None, "no tissue")


@pytest.mark.parametrize(
    ("input_size", "fit"),
    [(32, "resize"), (50, "resize"), (20, "resize"), (40, "crop")],
)
def test_tiles_of_any_size_have_the_scores_of_the_model(tmp_path, input_size, fit):
    """Of 64 pixels: decoded at a half, whole and shrunk, at a half and shrunk, and the middle."""
    slides = tile_slides(tmp_path)
    model_file = tile_model(tmp_path / "model.keras", input_size=input_size, fit=fit)
    expected = predicted(slides, model_file, tmp_path / "keras")
    network = exported(model_file, slides)
    found = predicted(slides, network, tmp_path / "onnx")
    assert np.ptp(expected[0].scores[:, 0]) > 1e-3  # other tiles would be seen
    assert_the_same(found, expected)
    assert {one.model_sha256 for one in found} == {file_sha256(network)}


def test_whole_tiles_are_averaged_and_cropped_inside(tmp_path):
    slides, generator = tile_slides(tmp_path), np.random.default_rng(0)
    tiles = generator.integers(0, 256, (3, 64, 64, 3), np.uint8)
    even = (tiles // 2 * 2).repeat(2, axis=1).repeat(2, axis=2)  # of which the average of four is one of them
    for name, size, fit, whole, part in (
        ("half", 32, "resize", even[:, :64, :64], (tiles // 2 * 2)[:, :32, :32]),
        ("middle", 40, "crop", tiles, tiles[:, 12:52, 12:52]),
    ):
        folder = tmp_path / name
        folder.mkdir()
        network = OnnxModel(exported(tile_model(folder / "model.keras", input_size=size, fit=fit), slides), threads=1)
        np.testing.assert_allclose(network.scores_of_rows(whole), network.scores_of_rows(part), atol=1e-6)


def test_scores_do_not_depend_on_threads_or_on_the_tiles_beside(shared):
    network = shared[1]
    tiles = np.random.default_rng(0).integers(0, 256, (50, 32, 32, 3), np.uint8)
    alone, together = (OnnxModel(network, threads=threads).scores_of_rows(tiles) for threads in (1, 3))
    assert alone.tobytes() == together.tobytes()
    np.testing.assert_allclose(OnnxModel(network, threads=1).scores_of_rows(tiles[20:21]), alone[20:21], atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(("pooling", "ordered"), [*((pooling, False) for pooling in POOLINGS), ("additive", True)])
def test_bags_of_any_size_have_the_scores_and_attention_of_the_model(tmp_path, pooling, ordered):
    slides = feature_slides(tmp_path, tiles=(5, 1, 2000))
    model_file = bag_model(tmp_path / "model.keras", pooling, ordered=ordered)
    network = exported(model_file, slides)
    assert_the_same(predicted(slides, network, tmp_path / "onnx"), predicted(slides, model_file, tmp_path / "keras"))
    assert_nothing_is_scored(network, tmp_path)


def test_a_probe_has_the_scores_of_the_model_for_any_number_of_tiles(tmp_path):
    slides = feature_slides(tmp_path, tiles=(5, 1, 2000))
    model_file = probe(tmp_path / "model.keras")
    network = exported(model_file, slides)
    assert_the_same(predicted(slides, network, tmp_path / "onnx"), predicted(slides, model_file, tmp_path / "keras"))
    assert_nothing_is_scored(network, tmp_path)


def test_a_slide_without_tiles_has_no_scores(shared, tmp_path):
    assert_nothing_is_scored(shared[1], tmp_path)


def test_plain_onnxruntime_finds_names_sizes_and_classes(shared):
    model_file, network, _ = shared
    session = onnxruntime.InferenceSession(network, providers=["CPUExecutionProvider"])
    assert [(one.name, one.type, one.shape) for one in session.get_inputs()] == [
        ("tiles", "tensor(uint8)", ["n", "side", "side", 3])
    ]
    assert [(one.name, one.type, one.shape) for one in session.get_outputs()] == [("scores", "tensor(float)", ["n", 3])]
    told = json.loads(session.get_modelmeta().custom_metadata_map["slidemill"])
    own = told["description"]
    assert (own["classes"], own["tile_mpp"], own["tile_size_px"], own["input_size_px"], own["method"]) == (
        ["A", "B", "C"],
        0.5,
        TILE_SIZE,
        32,
        "tiles",
    )
    assert (told["model_sha256"], told["precision"]) == (file_sha256(model_file), "float32")
    assert (told["check"]["slides"], told["check"]["tiles"]) == (3, 18)
    assert told["check"]["tile_scores"] < 1e-5
    assert read_facts(network).description == read_description(model_file)
    assert [one.version for one in onnx.load(network).opset_import if not one.domain] == [18]
    assert json.loads(network.with_name("check.json").read_text()) == {"precision": "float32", **told["check"]}


SCORING = """
import sys
from pathlib import Path
from slidemill.inference.predict import SlideJob, predict_slides
network, *files = map(Path, sys.argv[1:])
assert predict_slides([SlideJob(*files)], network) == []
assert not {"tensorflow", "keras"} & set(sys.modules)
"""


def test_slides_are_scored_by_a_network_without_tensorflow(shared, tmp_path):
    _, network, slides = shared
    output = tmp_path / "own.zarr.zip"
    command = [sys.executable, "-c", SCORING, network, slides[0].source, slides[0].store, output]
    subprocess.run(list(map(str, command)), check=True)
    (expected,) = predicted(slides[:1], network, tmp_path / "onnx")
    np.testing.assert_array_equal(read_predictions(output).scores, expected.scores)


def test_a_model_trained_in_half_precision_is_exported_in_float32(tmp_path):
    model_file = tile_model(tmp_path / "model.keras", precision="bfloat16")
    network = exported(model_file, tile_slides(tmp_path))
    types = {one.data_type for one in onnx.load(network).graph.initializer}
    assert not types & {onnx.TensorProto.BFLOAT16, onnx.TensorProto.FLOAT16}


def changed_network(factor):
    def changed(network, precision):
        """Multiplies the logits."""
        copy = onnx.ModelProto()
        copy.CopyFrom(network)
        (last,) = [node for node in copy.graph.node if node.op_type == "Softmax"]
        logits = last.input[0]
        last.input[0] = "patched"
        copy.graph.initializer.append(onnx.numpy_helper.from_array(np.float32(factor), "factor"))
        places = list(copy.graph.node)
        copy.graph.node.insert(places.index(last), onnx.helper.make_node("Mul", [logits, "factor"], ["patched"]))
        return copy

    return changed


def test_a_network_with_other_scores_is_not_written(shared, monkeypatch):
    model_file, network, slides = shared
    before = network.read_bytes()
    monkeypatch.setattr(write_onnx, "with_precision", changed_network(1.02))
    with pytest.raises(
        DriftError, match=r"model.onnx: on 3 slides with 18 tiles tile scores differ by up to 0\.\d+, .*"
    ):
        exported(model_file, slides)
    assert network.read_bytes() == before
    assert list(network.parent.glob(".*")) == []


@pytest.mark.parametrize("precision", ["float16", "int8"])
def test_lower_precision_is_written_with_its_drift(shared, tmp_path, precision):
    _, whole_network, slides = shared
    whole = whole_network.stat().st_size
    model_file = tile_model(tmp_path / "model.keras")
    network = exported(model_file, slides, precision=precision)
    assert network.stat().st_size < whole * (0.6 if precision == "float16" else 0.4)
    facts = read_facts(network)
    assert facts.precision == precision
    assert 0 < facts.check["slide_scores"] < 0.02
    assert facts.check["auc_of_model"] is not None
    found = predicted(slides, network, tmp_path / "small")
    expected = predicted(slides, model_file, tmp_path / "keras")
    differences = [abs(a.scores.mean(0) - b.scores.mean(0)).max() for a, b in zip(found, expected, strict=True)]
    assert max(differences) == pytest.approx(facts.check["slide_scores"], abs=1e-5)


def test_lower_precision_beyond_the_limit_is_refused(shared, tmp_path, monkeypatch):
    monkeypatch.setattr(write_onnx, "with_precision", changed_network(3.0))
    with pytest.raises(DriftError, match=r"model.onnx in int8: .* slide scores may differ by 0.02 .* float32\."):
        exported(tile_model(tmp_path / "model.keras"), shared[2], precision="int8")
    assert not (tmp_path / "model.onnx").exists()


def test_an_export_that_cannot_be_checked_is_refused(tmp_path):
    empty = set_aside_slide(tmp_path, "bad", "no tissue")
    with pytest.raises(NoTilesError, match="none of 1 slides has a tile"):
        exported(tile_model(tmp_path / "model.keras"), [CheckSlide("A", empty.source, empty.store)])


@pytest.mark.parametrize("content", [b"", b"no network", "cut", "foreign"])
def test_a_wrong_file_is_told_in_one_line(shared, tmp_path, content):
    slides = shared[2]
    network = tmp_path / "model.onnx"
    if content == "cut":
        whole = shared[1].read_bytes()
        content = whole[: len(whole) // 2]
    if content == "foreign":
        graph = onnx.helper.make_graph([], "foreign", [], [])
        content = onnx.helper.make_model(graph).SerializeToString()
    network.write_bytes(content)
    with pytest.raises(ModelFileError) as caught:
        predict_slides([SlideJob(one.source, one.store, tmp_path / "o") for one in slides], network)
    assert str(caught.value).startswith(str(network))
    assert "\n" not in str(caught.value)


def test_a_damaged_network_is_told_in_one_line(shared, tmp_path):
    _, whole, slides = shared
    network = tmp_path / "model.onnx"
    damaged = onnx.load(whole)
    damaged.graph.node[0].op_type = "NoSuchOperation"
    network.write_bytes(damaged.SerializeToString())
    with pytest.raises(ModelFileError, match="not a network that onnxruntime can load") as caught:
        predict_slides([SlideJob(slides[0].source, slides[0].store, tmp_path / "o")], network)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("provider", ["cuda", "tensorrt"])
def test_a_provider_that_is_not_there_is_refused(shared, tmp_path, provider):
    if "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("this onnxruntime knows CUDA")
    _, network, slides = shared
    with pytest.raises(ProviderMissingError, match=f"asked for {provider} and has cpu"):
        predicted(slides, network, tmp_path / "onnx", provider=provider)
