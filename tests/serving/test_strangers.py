"""What clients send that mean harm, or have none of the service's patience, ends nothing and fills nothing."""

import json
import os
import random
import re
import socket
import subprocess
import sys
import zipfile
from contextlib import closing, suppress

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from slidemill.classifier.tile_shape import TileShape
from slidemill.serving.bodies import BODY_TYPES, TileRequest, parse_body
from slidemill.serving.tile_images import UnfitTileError, model_pixels, stored_pixels
from slidemill.training.description import ENTRY
from slidemill.web.refusals import RefusedError

from ..waiting import eventually
from .conftest import PATIENCE_SECONDS, TOKEN, jpeg_tile, tile_pixels
from .test_service import FORMS
from .test_tile_images import encoded

pytestmark = pytest.mark.slow

TILE = jpeg_tile()
BODIES = {"image/jpeg": TILE, "image/png": encoded(tile_pixels())} | {
    content_type: body for body, content_type in FORMS.values()
}


def connected(server):
    return closing(socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS))


def head_of(body, content_type="image/jpeg", **headers):
    lines = [f"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: {content_type}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}\r\n\r\n"]).encode()


def answer_of(connection):
    """Status and body of all that comes until the server closes, or its first answer is whole."""
    received = b""
    while more := connection.recv(65536):
        received += more
        head, _, body = received.partition(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", head)
        if length and len(body) >= int(length[1]):
            break
    head, _, body = received.partition(b"\r\n\r\n")
    return (int(head.split()[1]), head, body) if head else (None, b"", b"")


def in_flight(server):
    return float(re.search(rb"\nslidemill_requests_in_flight (\S+)", server.ask("/metrics").body)[1])


def strange_body(chance):
    """Type and content of a body of which a part is missing, other, or twice."""
    content_type = chance.choice([*BODIES, *BODY_TYPES])
    body = BODIES.get(content_type) or chance.choice(list(BODIES.values()))
    start, end = sorted((chance.randint(0, len(body)), chance.randint(0, len(body))))
    end = min(end, start + 4) if chance.random() < 0.5 else end
    other = [b"", body[start:end] * 2, chance.randbytes(chance.randint(0, 8)), bytes(end - start)]
    return content_type, body[:start] + chance.choice(other) + body[end:]


strange_bodies = st.integers(0, 2**32).map(lambda seed: strange_body(random.Random(seed)))


def is_taken(content_type, body):
    """Whether a body is taken, and every tile of it decoded or refused. Any other error would end the test."""
    try:
        request = parse_body(content_type, body)
    except RefusedError as error:
        is_sentence = 400 <= error.status < 500 and bool(error.sentence)
        assert is_sentence
        return False
    for image in request.images if isinstance(request, TileRequest) else ():
        with suppress(UnfitTileError):
            assert stored_pixels(image, 64).shape == (64, 64, 3)
            assert model_pixels(image, TileShape(64, 32)).shape == (32, 32, 3)
    return True


@settings(max_examples=500)
@given(seed=st.integers(0, 2**32))
def test_ten_thousand_strange_bodies_are_taken_or_refused_and_nothing_else(seed):
    chance = random.Random(seed)
    for _ in range(20):
        is_taken(*strange_body(chance))


def test_bodies_that_are_whole_are_taken_and_most_strange_ones_are_not():
    assert all(is_taken(*body) for body in BODIES.items())
    chance = random.Random(1)
    refused = [not is_taken(*strange_body(chance)) for _ in range(300)]
    assert 50 < sum(refused) < 250


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["tiles", "instances", "b64", "slide", "mpp", "x"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@settings(max_examples=500)
@given(value=json_values)
def test_any_json_is_taken_or_refused_and_nothing_else(value):
    is_taken("application/json", json.dumps(value).encode())


def test_what_the_server_answers_is_what_its_schema_says(stand_in):
    """Bodies from the documented forms, and strange ones."""
    server = stand_in()
    operation = server.ask("/openapi.json").json["paths"]["/invocations"]["post"]
    assert set(operation["requestBody"]["content"]) == set(BODY_TYPES)

    @settings(max_examples=150)
    @given(body=strange_bodies | st.tuples(st.just("application/json"), json_values.map(json.dumps).map(str.encode)))
    def check(body):
        content_type, content = body
        reply = server.post(content, content_type)
        documented = operation["responses"][str(reply.status)]["content"]["application/json"]["schema"]
        assert reply.headers["content-type"] == "application/json"
        jsonschema.validate(reply.json, documented)
        assert reply.status < 500

    check()
    assert server.post(TILE).status == 200


def test_beyond_what_it_can_take_a_server_tells_when_to_come_again(stand_in):
    server = stand_in(requests=2, retry_after_seconds=7)
    with connected(server) as first, connected(server) as second:
        for connection in (first, second):
            connection.sendall(head_of(TILE) + TILE[:100])
        eventually(lambda: in_flight(server) == 2, "2 of its requests are in flight")
        reply = server.post(TILE)
        assert (reply.status, reply.headers["retry-after"]) == (503, "7")
        assert server.ask("/ping").status == 200
        for connection in (first, second):
            connection.sendall(TILE[100:])
            assert answer_of(connection)[0] == 200
    assert server.post(TILE).status == 200


def test_bodies_of_all_requests_together_are_bounded(stand_in):
    server = stand_in(bytes_in_flight=len(TILE) + 100)
    with connected(server) as first:
        first.sendall(head_of(TILE) + TILE[:100])
        eventually(lambda: in_flight(server) == 1, "1 of its requests are in flight")
        assert server.post(TILE).status == 503
        first.sendall(TILE[100:])
        assert answer_of(first)[0] == 200
    assert server.post(TILE).status == 200


def test_a_body_that_is_too_long_is_refused_whether_it_tells_so_or_not(stand_in):
    server = stand_in(body_bytes=10_000)
    told = server.post(b"x" * 30_000)
    assert told.status == 413
    assert "longer than 10000 bytes" in told.json["error"]
    with connected(server) as connection:
        head = (
            b"POST /invocations HTTP/1.1\r\nHost: localhost\r\nContent-Type: image/jpeg\r\nTransfer-Encoding: chunked"
        )
        connection.sendall(head + b"\r\n\r\n" + b"2710\r\n" + b"x" * 10_000 + b"\r\n1\r\nx\r\n0\r\n\r\n")
        assert answer_of(connection)[0] == 413
    with connected(server) as connection:  # it waits to be told to send, and is told not to
        connection.sendall(head_of(b"x" * 30_000, Expect="100-continue"))
        assert answer_of(connection)[0] == 413


def test_many_tiles_of_one_request_are_refused(stand_in):
    assert stand_in(tiles=4).post(*FORMS["TFRecord"]).status == 413


def test_clients_that_are_slow_with_their_headers_are_sent_away(stand_in):
    server = stand_in(header_seconds=0.3)
    for sent in (b"", b"\r\n", b"POST /invocations HTTP/1.1\r\nHost: local"):
        with connected(server) as connection:
            connection.sendall(sent)
            assert answer_of(connection)[0] == 400
    assert server.process.poll() is None


def test_clients_that_are_slow_with_their_bodies_are_sent_away(stand_in):
    server = stand_in(body_seconds=0.3)
    with connected(server) as connection:
        connection.sendall(head_of(TILE) + TILE[:100])
        assert answer_of(connection)[0] == 408
    assert server.ask("/ping").status == 200


def test_headers_without_end_are_refused(stand_in):
    server = stand_in(header_bytes=4000)
    with connected(server) as connection:
        connection.sendall(b"GET /ping HTTP/1.1\r\nHost: localhost\r\nX: " + b"x" * 5000)
        assert answer_of(connection)[0] == 400
    assert server.ask("/ping").status == 200


def test_more_connections_than_it_can_hold_are_refused(stand_in):
    server = stand_in(connections=2)
    with connected(server) as first, connected(server) as second:
        first.sendall(head_of(TILE) + TILE[:100])
        second.sendall(head_of(TILE) + TILE[:100])
        with connected(server) as third:
            status, head, _ = answer_of(third)
            assert status == 503
            assert b"retry-after" in head
        first.sendall(TILE[100:])
        assert answer_of(first)[0] == 200


def test_clients_that_go_away_leave_nothing_behind(stand_in):
    server = stand_in(requests=1)
    for _ in range(20):
        with connected(server) as connection:
            connection.sendall(head_of(TILE) + TILE[:100])
    eventually(
        lambda: server.post(TILE).status == 200, "there is room again"
    )  # the last of them may be in flight for a moment


def test_a_server_that_is_told_to_end_answers_what_it_has_taken(stand_in):
    server = stand_in()
    with connected(server) as taken, connected(server) as idle:
        taken.sendall(head_of(TILE) + TILE[:100])
        eventually(lambda: in_flight(server) == 1, "1 of its requests are in flight")
        server.process.terminate()
        while idle.recv(100):  # it has begun to end when those who ask nothing are sent away
            pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", server.port), timeout=PATIENCE_SECONDS)
        taken.sendall(TILE[100:])
        assert answer_of(taken)[0] == 200
    assert server.process.wait(timeout=PATIENCE_SECONDS) == 0
    assert "Traceback" not in server.log.read_text()


def test_a_token_is_asked_for_and_never_told(stand_in):
    server = stand_in(token=TOKEN)
    assert server.ask("/ping").status == server.ask("/docs").status == server.ask("/openapi.json").status == 200
    refused = server.post(TILE)
    assert (refused.status, refused.headers["www-authenticate"]) == (401, "Bearer")
    for wrong in ("Bearer", f"Bearer {TOKEN}x", f"Bearer {TOKEN[:-1]}", f"Basic {TOKEN}", "Bearer \xe9"):
        assert server.post(TILE, Authorization=wrong).status == 401
    assert server.ask("/metrics").status == 401
    assert server.post(TILE, Authorization=f"Bearer {TOKEN}").status == 200
    assert TOKEN not in server.log.read_text()


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        (["--port", "{port}"], {}, "error: cannot listen at 127.0.0.1, port {port}: address already in use"),
        (["--model", "none.keras"], {}, "error: none.keras: there is no such model file"),
        (["--host", "192.0.2.1"], {}, "error: cannot listen at 192.0.2.1"),
        (["--model", "{folder}/newer"], {}, "error: {folder}/newer/model.keras: its description is of format 2, not 1"),
        ([], {}, "error: {folder}: the folder holds neither model.keras nor model.onnx"),
        ([], {"SLIDEMILL_TOKEN": ""}, "error: the token has to be a word of ASCII characters"),
        (["--token-file", "none"], {}, "error: --token-file: none cannot be read"),
        (["--options", "{folder}/serving.json"], {}, "error: {folder}/serving.json: there is no 'agregation'"),
    ],
)
def test_what_keeps_a_server_from_starting_is_one_line(tmp_path, options, environment, said):
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        places = {"port": taken.getsockname()[1], "folder": tmp_path}
        (tmp_path / "serving.json").write_text('{"agregation": "mean"}')
        (tmp_path / "newer").mkdir()
        with zipfile.ZipFile(tmp_path / "newer" / "model.keras", "w") as newer:
            newer.writestr(ENTRY, '{"format": 2, "classes": ["A", "B"]}')
        command = [sys.executable, "-m", "slidemill.serving", "--model", str(tmp_path), "--port", "0"]
        command += [option.format(**places) for option in options]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=PATIENCE_SECONDS, env=os.environ | environment, check=False
        )
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith(said.format(**places))
