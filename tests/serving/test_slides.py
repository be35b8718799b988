"""Whole slides, and models that take features, as the workflow scores them."""

import asyncio
import json
import threading

import numpy as np
import pytest

from slidemill.features.encoder import EncoderFileError, EncoderSetup
from slidemill.features.extract import EncoderFolders, extract_features
from slidemill.features.load import load_encoder
from slidemill.features.spec import find_encoder
from slidemill.features.store import features_path
from slidemill.inference.predict import SlideJob, predict_slides
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.mil.model import feature_bag_model, pixel_bag_model
from slidemill.mil.parameters import MilModelParameters
from slidemill.probe.model import probe_model
from slidemill.probe.regression import Coefficients, Standardisation
from slidemill.records import parse_example, read_record
from slidemill.serving.bodies import TileRequest
from slidemill.serving.load import load_served_model
from slidemill.serving.options import ServingOptions
from slidemill.serving.service import Service
from slidemill.serving.slide_places import SlideFolder
from slidemill.serving.slides import GivenUpError, SlideScorer
from slidemill.serving.start import ServiceSettings, serve_model
from slidemill.tiling.cut import tile_slide
from slidemill.tiling.source import SlideSource, TilingParameters
from slidemill.tiling.store import read_store, store_paths
from slidemill.training.backend import keras
from slidemill.training.description import EncoderDescription, ModelDescription
from slidemill.training.model_file import save_model
from slidemill.web import server as server_module
from slidemill.web.refusals import RefusedError
from slidemill.web.settings import Access, Limits

from .conftest import CLASSES, TILE_SIZE, tile_pixels

pytestmark = pytest.mark.slow

ENCODER = "efficientnet_lite0"


@pytest.fixture(scope="module")
def tiled(draw_slide, tmp_path_factory):
    """A slide, cut by the workflow; its folder and its file."""
    folder = tmp_path_factory.mktemp("tiled")
    slide = draw_slide("glands 20x 0.4x0.3mm")
    records, index = store_paths(folder, "s")
    parameters = TilingParameters(mpp=0.5, tile_size=TILE_SIZE, max_background=0.5, jpeg_quality=85)
    tile_slide(SlideSource(slide, "s", "p"), parameters, records=records, store=index)
    return folder, slide


def predicted(folder, model_file, source):
    output = predictions_path(folder / "predictions", model_file.parent.name)
    assert (
        predict_slides([SlideJob(source, store_paths(folder, "s")[1], output)], model_file, exclude=["pen_marks"]) == []
    )
    return read_predictions(output)


def test_a_slide_has_the_scores_of_the_workflow(server, tiled, model_file):
    folder, _ = tiled
    expected = predicted(folder, model_file, store_paths(folder, "s")[0])
    assert len(expected.scores) > 20
    for path in ("b.svs", "sub/a.svs", "./sub/../b.svs"):
        answer = server.post(json.dumps({"slide": path}).encode(), "application/json").json
        assert answer["coordinates"] == expected.coordinates.tolist()
        np.testing.assert_allclose(answer["scores"], expected.scores, atol=1e-6)
        np.testing.assert_allclose(answer["slide_scores"], expected.scores.mean(axis=0), atol=1e-6)
        assert (answer["slide_id"], answer["tile_extent"]) == ("b", expected.tile_extent)


def test_a_slide_at_another_resolution_is_cut_at_the_models(server, tiled):
    finer = json.dumps({"slide": "b.svs", "mpp": 0.25}).encode()
    coarse = server.post(json.dumps({"slide": "b.svs"}).encode(), "application/json").json
    fine = server.post(finer, "application/json").json
    assert fine["tile_extent"] == 2 * coarse["tile_extent"]


def test_what_is_no_slide_is_answered_with_the_reason(server):
    answer = server.post(b'{"slide": "text.svs"}', "application/json").json
    assert "text.svs" in answer["reason"]
    assert "scores" not in answer


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "/etc/passwd", "link.svs", "none.svs", ".", "", "a\0b", "x" * 5000]
)
def test_nothing_outside_the_folder_is_read_or_told_of(server, path):
    reply = server.post(json.dumps({"slide": path}).encode(), "application/json")
    assert reply.status == 404
    assert reply.json["error"] == "slide: there is no such file below the folder of slides"


def test_a_service_without_a_folder_reads_no_slide():
    with pytest.raises(RefusedError, match="without a folder") as refused:
        SlideFolder(None).find("b.svs")
    assert refused.value.status == 403


def described(method, architecture):
    spec = find_encoder(ENCODER, {})
    facts = load_encoder(spec, EncoderSetup(tile_size=TILE_SIZE)).facts
    normalisation = {name: list(getattr(spec.normalisation, name)) for name in ("mean", "std")}
    encoder = EncoderDescription(ENCODER, facts.weights_sha256, facts.dimension, normalisation, spec.pooling)
    return ModelDescription(architecture, CLASSES, TILE_SIZE, 0.5, spec.input_size, spec.fit, "ab", {}, method, encoder)


@pytest.fixture(scope="module", params=["probe", "mil"])
def feature_model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "model.keras"
    description = described(request.param, "linear" if request.param == "probe" else "gated_attention")
    dimension, generator = description.encoder.dimension, np.random.default_rng(2)
    if request.param == "probe":
        standardisation = Standardisation(np.zeros(dimension), np.ones(dimension))
        coefficients = Coefficients(generator.standard_normal((dimension, 3)), np.zeros(3))
        save_model(path, probe_model(standardisation, coefficients), description)
        return path
    keras.utils.set_random_seed(1)
    parameters = MilModelParameters(pooling="gated_attention", hidden=(8,), attention_width=8, seed=1)
    save_model(path, feature_bag_model(parameters, dimension=dimension, class_count=3), description)
    return path


@pytest.fixture(scope="module")
def features(tiled):
    """The features of the slide, extracted by the workflow."""
    folder, slide = tiled
    encoder = EncoderFolders(find_encoder(ENCODER, {}), folder / "features", folder / "kept")
    extract_features({"s": slide}, [encoder], EncoderSetup(tile_size=0), tiles_folder=folder)
    return features_path(folder / "features", "s")


def test_a_model_of_features_has_the_scores_of_the_workflow(feature_model, features, tiled):
    folder, slide = tiled
    expected = predicted(folder, feature_model, features)
    model = load_served_model(feature_model, ServingOptions(), threads=1)
    scorer = SlideScorer(model, ServingOptions(), threads=1)
    found = scorer.score(slide, lambda tiles: model.rows(np.stack(tiles)), threading.Event(), sheet_mpp=None)
    np.testing.assert_array_equal(found.coordinates, expected.coordinates)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    if model.description.method == "mil":
        np.testing.assert_allclose(found.slide_scores, expected.slide_scores, atol=1e-6)
        np.testing.assert_allclose(found.attention, expected.attention, atol=1e-6)
    assert np.ptp(read_store(store_paths(folder, "s")[1]).coordinates) > 0


def test_a_bag_of_pixels_has_the_scores_of_the_workflow(tiled, tmp_path):
    """Of the slide, and of the tiles of it that the model looks at when these are sent; others are not taken."""
    folder, slide = tiled
    keras.utils.set_random_seed(1)
    parameters = MilModelParameters(pooling="attention", hidden=(8,), attention_width=8, seed=1)
    path, most = tmp_path / "model.keras", 16
    description = ModelDescription("attention", CLASSES, TILE_SIZE, 0.5, 32, "resize", "", {}, "mil", None, most)
    save_model(path, pixel_bag_model(parameters, side=32, class_count=3), description)
    records, index = store_paths(folder, "s")
    expected = predicted(folder, path, records)
    model = load_served_model(path, ServingOptions(), threads=1)
    scorer = SlideScorer(model, ServingOptions(), threads=1)
    of_slide = scorer.score(slide, lambda tiles: model.rows(np.stack(tiles)), threading.Event(), sheet_mpp=None)
    np.testing.assert_array_equal(of_slide.coordinates, expected.coordinates)
    store = read_store(index).without(["pen_marks"], most + 1)
    with records.open("rb") as file:
        places = zip(store.offset.tolist(), store.length.tolist(), strict=True)
        found = [parse_example(read_record(records, file, offset=offset, length=length)) for offset, length in places]
    jpegs = {(one["tile/x"], one["tile/y"]): one["image/encoded"] for one in found}
    sent = tuple(jpegs[tuple(place)] for place in expected.coordinates.tolist())
    assert (len(sent), len(jpegs)) == (most, most + 1)

    async def ask():
        service = Service(model, Limits(), slides=scorer, places=SlideFolder(None), threads=1)
        service.start()
        try:
            of_tiles = await service.score(TileRequest(sent, "tiles"))
            with pytest.raises(RefusedError, match="the 16 tiles with most tissue of a slide; send these and not 17"):
                await service.score(TileRequest(tuple(jpegs.values()), "tiles"))
        finally:
            await service.end()
        return of_tiles

    for own in (of_slide, asyncio.run(ask())):
        np.testing.assert_allclose(own.slide_scores, expected.slide_scores, atol=1e-6)
        np.testing.assert_allclose(own.attention, expected.attention, atol=1e-6)
    assert np.ptp(expected.attention) > 1e-4


def test_a_body_for_a_model_of_bags_may_be_as_long_as_a_slide(feature_model, monkeypatch):
    taken = []

    def serve(app, own, access, ready):
        own.close()
        taken.append(access.limits)

    monkeypatch.setattr(server_module, "serve", serve)
    limits = Limits(body_bytes=5, bytes_in_flight=6, bag_bytes=7)
    serve_model(ServiceSettings(model=feature_model, access=Access(port=0, limits=limits)))
    longest = 7 if "mil" in str(feature_model) else 5
    assert [(one.body_bytes, one.bytes_in_flight) for one in taken] == [(longest, max(6, longest))]


def test_a_slide_that_nobody_waits_for_is_given_up(feature_model, tiled):
    model = load_served_model(feature_model, ServingOptions(), threads=1)
    gone = threading.Event()
    gone.set()
    with pytest.raises(GivenUpError):
        SlideScorer(model, ServingOptions(), threads=1).score(tiled[1], model.rows, gone, sheet_mpp=None)


def test_features_of_a_tile_do_not_depend_on_its_company(feature_model):
    model = load_served_model(feature_model, ServingOptions(), threads=1)
    tiles = np.stack([tile_pixels(number) for number in range(3)])
    together = model.rows(tiles)
    assert np.ptp(together[:, 0]) > 0
    for number in range(3):
        np.testing.assert_array_equal(model.rows(tiles[number : number + 1])[0], together[number])


def test_a_model_of_another_encoders_weights_is_refused(tmp_path):
    description = described("probe", "linear")
    from dataclasses import replace

    other = replace(description, encoder=replace(description.encoder, weights_sha256="00" * 32))
    size = description.encoder.dimension
    probe = probe_model(Standardisation(np.zeros(size), np.ones(size)), Coefficients(np.zeros((size, 3)), np.zeros(3)))
    save_model(tmp_path / "model.keras", probe, other)
    with pytest.raises(EncoderFileError, match="not those that the model has learned from"):
        load_served_model(tmp_path / "model.keras", ServingOptions(), threads=1)
