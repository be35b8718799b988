"""A server over HTTP: the same scores as the workflow's, in every form of body and answer."""

import base64
import io
import json
import re

import numpy as np
import pytest

from slidemill.evaluation.aggregate import aggregate
from slidemill.inference.keras_tile_model import KerasTileModel
from slidemill.inference.scoring import RecordScorer
from slidemill.records import RecordWriter, encode_example
from slidemill.serving.tile_images import model_pixels
from slidemill.training.description import read_description
from slidemill.zarr_zip import read_zarr_zip

from ..waiting import eventually
from .conftest import CLASSES, jpeg_tile

pytestmark = pytest.mark.slow

TILES = [jpeg_tile(number) for number in range(5)]


def records_of(tiles, **told):
    buffer = io.BytesIO()
    writer = RecordWriter(buffer)
    for number, tile in enumerate(tiles):
        writer.write(encode_example({"image/encoded": tile, "tile/x": number * 64, "tile/y": 7} | told))
    return buffer.getvalue()


def multipart_of(tiles, boundary="a-boundary"):
    parts = [
        b'--%b\r\nContent-Disposition: form-data; name="tile"; filename="%d.jpg"\r\n\r\n%b\r\n'
        % (boundary.encode(), n, t)
        for n, t in enumerate(tiles)
    ]
    return b"".join(parts) + b"--%b--\r\n" % boundary.encode()


def base64_of(tile):
    return base64.b64encode(tile).decode()


@pytest.fixture(scope="module")
def expected(model_file, tmp_path_factory):
    """The scores that predict_slides writes for the same tiles."""
    path = tmp_path_factory.mktemp("records") / "slide.tfrecord"
    path.write_bytes(records_of(TILES))
    scorer = RecordScorer(model_file, read_description(model_file), batch_size=64, threads=1)
    return scorer.score(path, np.ones(len(TILES), np.bool_)).scores


FORMS = {
    "TFRecord": (records_of(TILES), "application/x-tfrecord"),
    "multipart": (multipart_of(TILES), "multipart/form-data; boundary=a-boundary"),
    "JSON": (json.dumps({"tiles": list(map(base64_of, TILES)), "mpp": 0.5}).encode(), "application/json"),
}


def test_one_tile_has_the_scores_that_the_workflow_gives_it(server, expected):
    for tile, scores in zip(TILES, expected, strict=True):
        answer = server.post(tile).json
        assert list(answer) == ["classes", "scores"]
        assert answer["classes"] == list(CLASSES)
        np.testing.assert_allclose(answer["scores"], [scores], atol=1e-6)
    assert np.ptp(expected[:, 0]) > 1e-3  # tiles that were mistaken for each other would be seen


@pytest.mark.parametrize("form", FORMS)
def test_many_tiles_have_these_scores_and_those_of_their_slide(server, expected, form):
    reply = server.post(*FORMS[form])
    assert reply.status == 200
    np.testing.assert_allclose(reply.json["scores"], expected, atol=1e-6)
    np.testing.assert_allclose(reply.json["slide_scores"], aggregate(expected, 20)["mean"], atol=1e-6)
    assert reply.json["aggregation"] == "mean"
    assert reply.json["slide_prediction"] == CLASSES[expected.mean(axis=0).argmax()]


def test_records_tell_where_tiles_are_and_of_which_slide(server):
    answer = server.post(records_of(TILES, **{"slide/id": "s1"}), "application/x-tfrecord").json
    assert answer["coordinates"] == [[number * 64, 7] for number in range(5)]
    assert answer["slide_id"] == "s1"


def test_tiles_of_several_slides_have_no_slide_scores(server, expected):
    body = records_of(TILES[:2], **{"slide/id": "s1"}) + records_of(TILES[2:], **{"slide/id": "s2"})
    answer = server.post(body, "application/x-tfrecord").json
    np.testing.assert_allclose(answer["scores"], expected, atol=1e-6)
    assert "slide_scores" not in answer


def test_the_form_of_tensorflow_serving_is_answered_in_its_form(server, expected):
    body = json.dumps({"instances": [{"b64": base64_of(tile)} for tile in TILES]}).encode()
    answer = server.post(body, "application/json").json
    assert list(answer) == ["predictions"]
    np.testing.assert_allclose(answer["predictions"], expected, atol=1e-6)


def test_scores_as_npy(server, expected):
    reply = server.post(*FORMS["TFRecord"], Accept="application/x-npy")
    assert reply.headers["content-type"] == "application/x-npy"
    scores = np.load(io.BytesIO(reply.body), allow_pickle=False)
    assert scores.dtype == np.float32
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_predictions_as_zarr(server, expected, tmp_path):
    reply = server.post(*FORMS["TFRecord"], Accept="text/html, application/x-zarr-zip;q=0.9")
    path = tmp_path / "predictions.zarr.zip"
    path.write_bytes(reply.body)
    content = read_zarr_zip(path)
    np.testing.assert_allclose(content.arrays["scores"], expected, atol=1e-6)
    assert content.arrays["coordinates"].shape == (5, 2)
    assert content.attributes["classes"] == list(CLASSES)


def test_micro_batches_of_any_size_give_the_same_scores(model_file, expected):
    model = KerasTileModel(model_file, read_description(model_file), threads=1)
    images = np.stack([model_pixels(tile, model.shape) for tile in TILES])
    for size in range(1, 6):
        parts = [model.scores(images[start : start + size]) for start in range(0, 5, size)]
        np.testing.assert_allclose(np.concatenate(parts), expected, atol=1e-6)


def a_float_tile():
    return json.dumps({"instances": np.zeros((1, 2, 2, 3)).tolist()}).encode()


REFUSED = {
    "no type": (TILES[0], "", 415, "not taken"),
    "another type": (b"x" * 9, "application/python-pickle", 415, "application/python-pickle"),
    "no file": (b"", "image/jpeg", 400, "the body is empty"),
    "no image": (b"hello", "image/jpeg", 422, "tile 0: the tile is neither"),
    "another size": (records_of([TILES[0], jpeg_tile(0, 32)]), "application/x-tfrecord", 422, "tile 1: .*32 x 32"),
    "another resolution": (records_of(TILES, **{"tile/mpp": 0.25}), "application/x-tfrecord", 422, "0.25 microns"),
    "half a record": (records_of(TILES)[:-9], "application/x-tfrecord", 400, "record 4 .* damaged"),
    "a record of something else": (records_of([7]), "application/x-tfrecord", 400, "record 0 is no tile"),
    "no records": (b"", "application/x-tfrecord", 400, "no tiles"),
    "no boundary": (multipart_of(TILES), "multipart/form-data", 400, "boundary"),
    "half a multipart body": (multipart_of(TILES)[:-30], "multipart/form-data; boundary=a-boundary", 400, "boundary"),
    "no JSON": (b"{", "application/json", 400, "no JSON"),
    "deep JSON": (b"[" * 200_000, "application/json", 400, "no JSON"),
    "JSON of nothing": (b"{}", "application/json", 400, "expected"),
    "tiles that are none": (b'{"tiles": 7}', "application/json", 400, "tiles: expected a list"),
    "no tiles": (b'{"tiles": []}', "application/json", 400, "no tiles"),
    "no base64": (b'{"tiles": ["!"]}', "application/json", 400, "no base64"),
    "numbers": (a_float_tile(), "application/json", 400, "numbers are not taken"),
    "a resolution that is none": (b'{"tiles": ["aa"], "mpp": "x"}', "application/json", 400, "mpp"),
    "a slide that is no path": (b'{"slide": 7}', "application/json", 400, "expected a path"),
}


@pytest.mark.parametrize(("body", "content_type", "status", "sentence"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_be_scored_is_refused_with_a_sentence(server, body, content_type, status, sentence):
    reply = server.post(body, content_type or "text")
    assert reply.status == status
    assert list(reply.json) == ["error"]
    assert re.search(sentence, reply.json["error"])


def test_answers_of_no_known_form_and_compressed_bodies_are_refused(server):
    assert server.post(TILES[0], Accept="text/html").status == 406
    assert server.post(TILES[0], Content_Encoding="gzip").status == 415


def test_other_addresses_and_methods_are_refused_in_json(server):
    assert (server.ask("/").status, server.ask("/invocations").status) == (404, 405)
    assert list(server.ask("/").json) == ["error"]


def test_ping_and_metrics(server):
    assert server.ask("/ping").json == {"status": "ok"}
    server.post(TILES[0])
    told = 'slidemill_requests_total{path="/invocations",status="200"}'
    eventually(
        lambda: told in server.ask("/metrics").body.decode(), "it is counted"
    )  # a request is counted when it is answered
    text = server.ask("/metrics").body.decode()
    assert "slidemill_batch_tiles_bucket" in text
    assert "slidemill_waiting_tiles 0.0" in text


def test_a_request_has_an_id_which_the_log_tells_and_no_payload(server):
    assert server.post(TILES[0], X_Request_Id="mine-7").headers["x-request-id"] == "mine-7"
    odd = server.post(b'{"tiles": ["c2VjcmV0"]}', "application/json", X_Request_Id="a b{").headers["x-request-id"]
    assert odd != "a b{"

    def lines():  # of whole lines; they are written when the request is answered
        return [line for line in server.log.read_text().split("\n")[:-1] if "mine-7" in line]

    (line,) = eventually(lines, "the request is in the log")
    assert json.loads(line[line.index("{") :]) | {"seconds": 0} == {
        "request": "mine-7",
        "method": "POST",
        "path": "/invocations",
        "status": 200,
        "seconds": 0,
    }
    assert "c2VjcmV0" not in server.log.read_text()


def test_the_documentation_needs_no_other_site(server):
    page = server.ask("/docs").body.decode()
    assert "swagger-ui" in page
    sources = [part.partition('"')[0] for part in page.replace("href=", "src=").split('src="')[1:]]
    assert sources
    for source in sources:
        if not source.startswith("data:"):
            assert server.ask(source).status == 200
    schema = server.ask("/openapi.json").json
    assert set(schema["paths"]) == {"/ping", "/model", "/metrics", "/invocations"}


def test_a_page_of_another_site_is_not_served(server):
    """By a name that its owner lets resolve to this machine."""
    assert server.ask("/ping", Host="evil.example:8080").status == 421
    assert server.ask("/ping", Host=f"localhost:{server.port}").status == 200
