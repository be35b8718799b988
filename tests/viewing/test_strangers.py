"""What no request gets, and what none may do to the server."""

import asyncio
import json
import random
from urllib.parse import quote

import numpy as np
import pytest
import simplejpeg
import tifffile

from slidemill.slides.reader import LARGEST_SIDE_PX

from .conftest import CONFIG, TOKEN, Run, answer, write_sheet

LABEL_COLOUR, MACRO_COLOUR = (255, 0, 0), (0, 0, 255)


def test_without_the_token_nothing_is_told(run):
    for path in ("/api/cohort", "/api/slides/right", "/api/slides/right/pixels/0/0/0.jpg", "/api/notes", "/api/none"):
        for token in (None, "another"):
            reply = run.ask(path, token=token)
            assert (reply.status, list(reply.json)) == (401, ["error"])
    # The page itself is anyone's, and holds nothing.
    assert run.ask("/", token=None).status == 200


def test_the_link_becomes_a_cookie_and_leaves_the_address(run):
    reply = run.ask(f"/?token={TOKEN}&x=1", token=None)
    assert (reply.status, reply.headers["location"]) == (303, "/?x=1")
    cookie, _, rest = reply.headers["set-cookie"].partition(";")
    assert TOKEN not in cookie
    assert "HttpOnly" in rest
    assert "SameSite=Strict" in rest
    assert run.ask("/api/cohort", token=None, headers={"cookie": f"other=1; {cookie}"}).status == 200
    assert run.ask("/api/cohort", token=None, headers={"cookie": cookie[:-1] + "x"}).status == 401
    assert run.ask("/?token=another", token=None).status == 200
    assert "set-cookie" not in run.ask("/?token=another", token=None).headers


def test_the_token_is_in_no_log(run, caplog):
    caplog.set_level("DEBUG")
    run.ask(f"/?token={TOKEN}", token=None)
    run.ask(f"/api/cohort?token={TOKEN}", token=None)
    assert caplog.records
    assert TOKEN not in caplog.text


def test_a_page_of_another_name_gets_nothing(run):
    for host in ("evil.example", "127.0.0.1.evil.example", ""):
        assert run.ask("/api/cohort", host=host).status == 421
    for host in ("localhost:8081", "127.0.0.1", "[::1]:8081"):
        assert run.ask("/api/cohort", host=host).status == 200


def test_every_answer_says_what_a_browser_may_do_with_it(run):
    for path in ("/", "/api/cohort", "/api/none", "/api/slides/right/pixels/0/0/0.jpg"):
        headers = run.ask(path).headers
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert "cache-control" in headers


@pytest.mark.parametrize(
    "path",
    [
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/viewer.py",
        "/page/../viewer.py",
        "//etc/passwd",
        "/api/slides/..%2f..%2fetc%2fpasswd",
        "/api/slides/right.tiff",
        "/api/slides/../slides/right/../../x",
        "/api/slides/right%00",
        "/api/slides/right/pixels/0/-1/0.jpg",
        "/api/slides/right/pixels/0/6/0.jpg",
        "/api/slides/right/pixels/3/0/0.jpg",
        "/api/slides/right/pixels/NaN/0/0.jpg",
        "/api/slides/right/pixels/0/0/1e9.jpg",
        f"/api/slides/right/pixels/0/0/{'9' * 5000}.jpg",
        "/api/slides/right/pixels/0/0/\u0663.jpg",
        "/api/slides/right/pixels/0/0/0.png",
        "/api/slides/right/tiles/4",
        "/api/slides/right/tiles/-1.jpg",
        "/api/slides/right/values?run=../../x",
        "/api/slides/tiled/values",
        "/api/galleries?run=none",
        "/api/slides/right/label.jpg",
        "/docs",
        "/openapi.json",
    ],
)
def test_what_is_not_there_is_a_sentence(run, path):
    reply = run.ask(quote(path, safe="/%?=."))
    assert reply.status == 404
    assert "\n" not in reply.json["error"]
    assert str(run.folder) not in reply.json["error"]


def test_other_methods_are_refused(run):
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        assert run.ask("/api/slides/right", method=method).status == 405


def test_label_and_macro_images_are_in_no_answer(tmp_path):
    """As Aperio writes them: a thumbnail, a label and a macro image follow the first level, in strips."""
    own = Run(tmp_path, CONFIG)
    tissue = np.full((600, 700, 3), 190, np.uint8)
    with tifffile.TiffWriter(tmp_path / "S.svs") as file:
        description = "Aperio Image Library|AppMag = 20|MPP = 0.5"
        file.write(
            tissue, tile=(128, 128), compression="jpeg", photometric="rgb", description=description, metadata=None
        )
        for name, colour in (("label", LABEL_COLOUR), ("macro", MACRO_COLOUR)):
            picture = np.broadcast_to(np.uint8(colour), (300, 350, 3))
            file.write(picture, rowsperstrip=16, description=f"Aperio Image Library\r\n{name} 350x300", metadata=None)
    write_sheet(own.sheet, [{"slide_id": "S", "patient_id": "P", "label": "LUAD", "path": tmp_path / "S.svs"}])
    levels = own.ask("/api/slides/S").json["pyramid"]["levels"]
    addresses = ["thumbnail.jpg"] + [
        f"pixels/{number}/{column}/{row}.jpg"
        for number, level in enumerate(levels)
        for column in range(level["columns"])
        for row in range(level["rows"])
    ]
    for address in addresses:
        pixels = simplejpeg.decode_jpeg(own.ask(f"/api/slides/S/{address}").body).astype(int)
        for colour in (LABEL_COLOUR, MACRO_COLOUR):
            assert np.abs(pixels - colour).sum(axis=-1).min() > 100


SEGMENTS = [
    *(
        "api",
        "slides",
        "right",
        "wrong",
        "far",
        "gone",
        "aside",
        "bounds",
        "pixels",
        "thumbnail.jpg",
        "values",
        "quality",
    ),
    *("outlines", "tissue", "tiles", "galleries", "notes", "notes.csv", "notes.geojson", "cohort"),
    *("..", ".", "", "~"),
    *("0", "1", "2", "0.jpg", "1.jpg", "-1", "NaN.jpg", "1e99", "9" * 30, "%00", "%2f", "%ff", "index.html", "\u202e"),
]

QUERIES = ["", "", "?run=main", "?run=mil", "?run=%00", "?run=" + "x" * 999, "?token=" + "y" * 99, "?&&=;"]


def strange_url(chance):
    """An address of segments that mean something, somewhere."""
    segments = [chance.choice(SEGMENTS) for _ in range(chance.randint(1, 8))]
    if chance.random() < 0.7:
        segments = ["api", "slides", chance.choice(SEGMENTS[2:8]), *segments[:4]]
    if chance.random() < 0.1:
        segments.append("".join(chr(chance.randint(1, 0x2FFF)) for _ in range(chance.randint(1, 40))))
    query = chance.choice(
        ["", "", "?run=main", "?run=mil", "?run=%00", "?run=" + "x" * 999, "?token=" + "y" * 99, "?&&=;"]
    )
    return "/" + quote("/".join(segments), safe="/%") + query


def test_ten_thousand_strange_addresses_leave_it_alive(run):
    app = run.app()
    chance = random.Random(1)

    async def ask_all():
        counts = {}
        for _ in range(10_000):
            reply = await answer(app, strange_url(chance), method=chance.choice(["GET"] * 9 + ["HEAD", "POST"]))
            counts[reply.status] = counts.get(reply.status, 0) + 1
            assert reply.status < 500, reply.body
            if reply.status >= 400 and reply.body:
                assert "\n" not in json.loads(reply.body)["error"]
        return counts, await answer(app, "/api/slides/right/pixels/0/0/0.jpg")

    counts, last = asyncio.run(ask_all())
    assert last.status == 200
    assert counts[200] > 50
    assert counts[404] > 5_000


def post(run, content, **headers):
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    own = {"content-type": "application/json", "origin": "http://127.0.0.1:1"} | headers
    return run.ask("/api/notes", method="POST", body=body, headers=own)


@pytest.mark.parametrize(
    ("content", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[" * 50_000, 400),
        ([], 422),
        ({}, 404),
        ({"slide": "none", "mark": "agree"}, 404),
        ({"slide": "right"}, 422),
        ({"slide": "right", "mark": "hm"}, 422),
        ({"slide": "right", "mark": "note", "text": "x" * 4001}, 422),
        ({"slide": "right", "mark": "note", "text": "\ud800"}, 422),
        ({"slide": "right", "mark": "note", "text": 5}, 422),
        ({"slide": "right", "mark": "note", "place": [1, 2]}, 422),
        ({"slide": "right", "mark": "note", "place": {"x": float("nan"), "y": 1}}, 422),
        ({"slide": "right", "mark": "note", "place": {"x": LARGEST_SIDE_PX * 2, "y": 1}}, 422),
        ({"slide": "right", "mark": "note", "place": {"x": 1, "y": 1, "size": -1}}, 422),
        ({"slide": "right", "mark": "note", "id": "mine"}, 422),
        (b"x" * 70_000, 413),
    ],
)
def test_notes_that_are_none_are_refused(run, content, status):
    reply = post(run, content)
    assert reply.status == status
    assert reply.json["error"]
    assert not (run.results / "notes.jsonl").exists()


def test_notes_come_from_the_own_page_alone(run):
    note = {"slide": "right", "mark": "agree"}
    assert post(run, note, origin="http://evil.example").status == 403
    assert post(run, note, origin="null").status == 403
    assert post(run, note, **{"sec-fetch-site": "cross-site"}).status == 403
    assert post(run, note, **{"content-type": "text/plain"}).status == 415
    assert post(run, note, **{"content-type": "application/x-www-form-urlencoded"}).status == 415
    assert not (run.results / "notes.jsonl").exists()
