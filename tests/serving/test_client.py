"""A slide that is cut here and scored there has the results of the workflow."""

import io
import os
import socket
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from slidemill.inference.predict import SlideJob, predict_slides
from slidemill.inference.store import predictions_path, read_predictions
from slidemill.records import parse_example, records_in
from slidemill.serving.client import ClientSettings, score_by_service
from slidemill.serving.endpoint import EndpointError, HttpEndpoint, ServedFacts
from slidemill.serving.options import ServingOptions
from slidemill.tiling.store import read_store, store_paths

from .conftest import CLASSES, PATIENCE_SECONDS, TILE_SIZE, TOKEN

pytestmark = pytest.mark.slow

CLIENT = [sys.executable, "-m", "slidemill_sagemaker.client_command", "score"]


def test_a_slide_has_the_predictions_and_pictures_of_the_workflow(server, slides_folder, model_file, tmp_path):
    endpoint = HttpEndpoint(server.url)
    sizes = []

    def post(body, content_type):
        sizes.append(len(body))
        return endpoint.post(body, content_type)

    settings = ClientSettings(ServingOptions(), body_bytes=10_000)
    score = score_by_service(slides_folder / "b.svs", post, endpoint.facts(), tmp_path, settings)
    assert len(sizes) > 3
    assert max(sizes) <= 10_000
    records, index = store_paths(tmp_path / "tiles", "b")
    job = SlideJob(records, index, tmp_path / "expected.zarr.zip")
    assert predict_slides([job], model_file, exclude=["pen_marks"]) == []
    found, expected = read_predictions(predictions_path(tmp_path / "predictions", "b")), read_predictions(job.output)
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-6)
    np.testing.assert_array_equal(found.coordinates, expected.coordinates)
    assert (found.classes, found.model_sha256) == (expected.classes, expected.model_sha256)
    assert score.tile_count == len(expected.scores)
    for name in ("b.png", "b.geojson"):
        assert (tmp_path / "heatmaps" / name).stat().st_size > 0


def test_the_command_tells_the_class_and_where_the_picture_is(server, slides_folder, tmp_path):
    command = [*CLIENT, slides_folder / "b.svs", slides_folder / "text.svs", "--endpoint", server.url]
    ended = subprocess.run(
        list(map(str, [*command, "--output", tmp_path])),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )
    scored, set_aside = ended.stdout.splitlines()
    assert scored.startswith(f"{slides_folder / 'b.svs'}: ")
    assert scored.endswith(f"{tmp_path / 'heatmaps' / 'b.png'}")
    assert "text.svs" in set_aside


def bag_of(share, sent):
    """What a service says of a bag, with attention for a share of its tiles."""

    def post(body, content_type):
        sent.append(body)
        tiles = round(share * len(list(records_in(io.BytesIO(body), Path("body")))))
        return {"slide_scores": [0.2, 0.3, 0.5], "attention": [1 / tiles] * tiles}

    return post


def test_a_bag_goes_as_one(slides_folder, tmp_path):
    sent = []
    facts = ServedFacts(CLASSES, TILE_SIZE, 0.5, "mil", "ab")
    settings = ClientSettings(ServingOptions(), body_bytes=10_000)
    score = score_by_service(slides_folder / "b.svs", bag_of(1, sent), facts, tmp_path, settings)
    (body,) = sent
    assert len(body) > 10_000
    assert score.predicted["model"] == CLASSES[2]
    found = read_predictions(predictions_path(tmp_path / "predictions", "b"))
    assert len(found.attention) == len(found.coordinates) == score.tile_count
    with pytest.raises(EndpointError, match="gives attention of"):
        score_by_service(slides_folder / "b.svs", bag_of(0.5, sent), facts, tmp_path, settings)


def test_of_a_model_that_looks_at_some_tiles_those_with_most_tissue_go(slides_folder, tmp_path):
    sent = []
    facts = ServedFacts(CLASSES, TILE_SIZE, 0.5, "mil", "ab", slide_tiles=5)
    score = score_by_service(
        slides_folder / "b.svs", bag_of(1, sent), facts, tmp_path, ClientSettings(ServingOptions())
    )
    (body,) = sent
    records = [parse_example(record) for record in records_in(io.BytesIO(body), Path("body"))]
    store = read_store(store_paths(tmp_path / "tiles", "b")[1])
    expected = store.without(["pen_marks"], 5)
    assert [[one["tile/x"], one["tile/y"]] for one in records] == expected.coordinates.tolist()
    assert score.tile_count == 5 < len(store.coordinates)
    assert expected.tissue_fraction.min() >= np.sort(store.tissue_fraction)[-5]


def test_what_a_service_refuses_is_one_line(stand_in, slides_folder, tmp_path):
    server = stand_in(token=TOKEN)
    command = [*CLIENT, slides_folder / "b.svs", "--endpoint", server.url, "--output", tmp_path]
    ended = subprocess.run(
        list(map(str, command)), capture_output=True, text=True, timeout=PATIENCE_SECONDS, check=False
    )
    assert ended.returncode == 1
    assert "answers 401: a token is needed" in ended.stderr.splitlines()[-1]
    ended = subprocess.run(
        list(map(str, command)),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
        env=os.environ | {"SLIDEMILL_TOKEN": TOKEN},
    )
    assert ended.returncode == 0, ended.stderr


def test_a_service_that_is_not_there_is_told():
    with closing(socket.socket()) as taken:  # and does not listen
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(EndpointError, match="does not answer"):
            HttpEndpoint(f"http://127.0.0.1:{taken.getsockname()[1]}").facts()
