"""What is told and shown of slides and of their tiles."""

import io
import json

import numpy as np
import pytest
import simplejpeg
import tifffile
from PIL import Image

from slidemill.inference.store import read_predictions
from slidemill.slides import open_slide, read_square
from slidemill.viewing.pyramid import encoded

from .conftest import CANVAS, CORNER, EXTENT


def decoded(reply):
    assert (reply.status, reply.headers["content-type"]) == (200, "image/jpeg")
    return simplejpeg.decode_jpeg(reply.body, fastdct=False, fastupsample=False)


def arrays_of(reply):
    """The header and the arrays of a binary answer."""
    assert reply.status == 200
    length = int.from_bytes(reply.body[:4], "little")
    header = json.loads(reply.body[4 : 4 + length])
    place, arrays = 4 + length, {}
    assert place % 4 == 0
    for entry in header["arrays"]:
        arrays[entry["key"]] = np.frombuffer(reply.body, np.dtype(entry["dtype"]), entry["length"], place)
        place += 4 * entry["length"]
    assert place == len(reply.body)
    return header, arrays


def test_a_slide_tells_its_size_its_pyramid_and_the_layers_of_each_run(run):
    told = run.ask("/api/slides/right").json
    assert (told["width"], told["height"], told["mpp"], told["bounds"]) == (700, 600, 0.4, None)
    levels = told["pyramid"]["levels"]
    assert told["pyramid"]["tile_size"] == 128
    assert [(level["width"], level["height"], level["columns"], level["rows"]) for level in levels] == [
        (700, 600, 6, 5),
        (175, 150, 2, 2),
        (88, 75, 1, 1),  # not in the file
    ]
    assert [level["downsample"] for level in levels] == [1, 4, 8]
    keys = {key: [layer["key"] for layer in found["layers"]] for key, found in told["runs"].items()}
    scores = ["score:LUAD", "score:LUSC"]
    assert keys == {"main": scores, "mil": [*scores, "attention", "rank", "evidence:LUAD", "evidence:LUSC"]}
    assert told["grid"] == {"tile_size_level0": EXTENT, "tile_size": 64, "mpp": 1.0, "read_by": "direct"}


def test_tiles_of_the_file_are_passed_through_bit_for_bit(run):
    path = run.folder / "right.tiff"
    with open_slide(path) as reader, tifffile.TiffFile(path) as file:
        for level, page in enumerate(file.pages):
            scale = 4**level
            columns = -(-page.imagewidth // 128)
            for index in range(len(page.dataoffsets)):
                row, column = divmod(index, columns)
                reply = run.ask(f"/api/slides/right/pixels/{level}/{column}/{row}.jpg")
                with path.open("rb") as content:
                    content.seek(page.dataoffsets[index])
                    stored = content.read(page.databytecounts[index])
                # The scan stands in the answer as it stands in the file.
                assert reply.body.endswith(stored[stored.index(b"\xff\xda") :])
                corner = (128 * scale * column, 128 * scale * row)
                read = read_square(reader, *corner, extent=128 * scale, size=128)
                height, width = page.imagelength - 128 * row, page.imagewidth - 128 * column
                assert (decoded(reply)[:height, :width] == read[:height, :width]).all()


def test_tiles_that_are_no_jpeg_are_encoded_from_the_readers_pixels(run):
    shown = decoded(run.ask("/api/slides/lzw/pixels/0/1/2.jpg")).astype(int)
    with open_slide(run.folder / "lzw.tiff") as reader:
        read = read_square(reader, 128, 256, extent=128, size=128)
    assert np.abs(shown - read).mean() < 3


def test_levels_above_those_of_the_file_are_smaller_pictures_of_it(run):
    shown = run.ask("/api/slides/right/pixels/2/0/0.jpg")
    with open_slide(run.folder / "right.tiff") as reader:
        assert shown.body == encoded(read_square(reader, 0, 0, extent=1024, size=128))


def test_a_slide_with_bounds_is_shown_on_its_canvas(run):
    told = run.ask("/api/slides/bounds").json
    assert (told["width"], told["height"]) == CANVAS
    assert told["bounds"] == [*CORNER, 1024, 1024]
    side = told["pyramid"]["tile_size"]
    level = told["pyramid"]["levels"][0]
    assert (level["columns"], level["rows"]) == (-(-CANVAS[0] // side), -(-CANVAS[1] // side))
    column, row = CORNER[0] // side, CORNER[1] // side
    shown = decoded(run.ask(f"/api/slides/bounds/pixels/0/{column}/{row}.jpg")).astype(int)
    with open_slide(run.folder / "bounds.scn") as reader:
        read = read_square(reader, column * side, row * side, extent=side, size=side)
    assert np.abs(shown - read).mean() < 3
    _, arrays = arrays_of(run.ask("/api/slides/bounds/values"))
    assert (arrays["x"][0], arrays["y"][0]) == CORNER


def test_the_thumbnail_is_the_part_that_viewers_show(run):
    picture = decoded(run.ask("/api/slides/bounds/thumbnail.jpg"))
    assert picture.shape[:2] == (102, 102)  # a tenth of the scanned part, and not of the canvas
    assert decoded(run.ask("/api/slides/right/thumbnail.jpg")).shape[:2] == (60, 70)


@pytest.mark.parametrize(("slide", "key"), [("right", "main"), ("wrong", "main"), ("right", "mil"), ("wrong", "mil")])
def test_values_are_those_of_the_store(run, slide, key):
    header, arrays = arrays_of(run.ask(f"/api/slides/{slide}/values?run={key}"))
    folder = run.results if key == "main" else run.results / "experiments" / key
    stored = read_predictions(folder / "predictions" / f"{slide}.zarr.zip")
    assert (header["tiles"], header["tile_size_level0"]) == (4, EXTENT)
    assert np.stack([arrays["x"], arrays["y"]], axis=1).tolist() == stored.coordinates.tolist()
    for place, name in enumerate(stored.classes):
        if len(stored.scores):
            assert arrays[f"score:{name}"].tolist() == stored.scores[:, place].tolist()
        else:
            assert f"score:{name}" not in arrays
    if stored.attention is not None:
        assert arrays["attention"] == pytest.approx(stored.attention * 4)
        assert arrays["attention"].mean() == pytest.approx(1)
    if slide == "right" and key == "mil":
        assert arrays["rank"] == pytest.approx([0, 1 / 3, 2 / 3, 1])
        assert arrays["evidence:LUAD"] == pytest.approx(stored.attention * 4 * stored.scores[:, 0])


def test_a_tile_tells_its_scores_its_place_and_its_quality(run):
    told = run.ask("/api/slides/right/tiles/3?run=mil").json
    assert (told["index"], told["x"], told["y"], told["tile_size_level0"]) == (3, EXTENT, EXTENT, EXTENT)
    assert told["scores"] == pytest.approx({"LUAD": 0.6, "LUSC": 0.4})
    assert told["attention"] == pytest.approx(1.6)
    assert told["evidence"]["LUSC"] == pytest.approx(1.6 * 0.4)
    assert told["quality"] == ["pen_marks", "out_of_focus"]
    assert (told["tissue"], told["sharpness"]) == (1.0, 0.5)


def test_a_tiles_picture_is_the_slide_at_full_resolution(run):
    shown = decoded(run.ask("/api/slides/right/tiles/1.jpg")).astype(int)
    with open_slide(run.folder / "right.tiff") as reader:
        read = read_square(reader, EXTENT, 0, extent=EXTENT, size=EXTENT)
    assert np.abs(shown - read).mean() < 3


def test_flags_are_told_of_all_tiles_of_the_store(run):
    header, arrays = arrays_of(run.ask("/api/slides/tiled/quality"))
    assert arrays["quality"].tolist() == [0, 1, 2, 3]
    assert arrays["tissue"] == pytest.approx([0.5, 2 / 3, 5 / 6, 1])
    assert run.ask("/api/slides/tiled").json["flags"] == {"pen_marks": 1, "out_of_focus": 2}
    assert header["tile_size_level0"] == EXTENT


def test_tissue_is_a_picture_and_the_slide_says_what_it_covers(run):
    told = run.ask("/api/slides/right").json["tissue"]
    assert told == {"kind": "png", "columns": 70, "rows": 60, "covers": {"x": 0, "y": 0, "width": 700, "height": 600}}
    picture = np.asarray(Image.open(io.BytesIO(run.ask("/api/slides/right/tissue").body)))
    assert picture.shape == (60, 70)
    assert picture[:30, :35].all()
    assert not picture[30:].any()


def test_outlines_are_those_of_the_annotation_until_the_workflow_has_made_its_own(run):
    (feature,) = run.ask("/api/slides/right/outlines").json["features"]
    assert feature["properties"] == {"class": "tumour"}
    ring = np.array(feature["geometry"]["coordinates"][0])
    assert ring.min(axis=0).tolist() == [10, 10]
    assert ring.max(axis=0).tolist() == [90, 90]
    assert run.ask("/api/slides/wrong/outlines").json["features"] == []
    own = json.loads((run.folder / "right.geojson").read_text())
    own["features"][0]["properties"]["classification"]["name"] = "as used"
    outlines = run.results / "outlines"
    outlines.mkdir()
    (outlines / "right.geojson").write_text(json.dumps(own))
    try:
        (feature,) = run.ask("/api/slides/right/outlines").json["features"]
        assert feature["properties"] == {"class": "as used"}
    finally:
        (outlines / "right.geojson").unlink()
        outlines.rmdir()


def test_galleries_lead_to_tiles_of_test_slides(run):
    told = run.ask("/api/galleries?run=main").json
    assert told["complete"]
    luad = told["classes"]["LUAD"]
    # Three of each slide, as in the report.
    assert [(tile["slide"], tile["index"]) for tile in luad["typical"][:3]] == [
        ("right", 0),
        ("right", 1),
        ("right", 2),
    ]
    assert [(tile["slide"], tile["index"]) for tile in luad["untypical"][:2]] == [("wrong", 0), ("wrong", 1)]
    assert luad["uncertain"][0] == {"slide": "wrong", "index": 3, "x": EXTENT, "y": EXTENT, "score": pytest.approx(0.1)}
    mistaken = told["classes"]["LUSC"]["mistaken"]
    assert [tile["slide"] for tile in mistaken] == ["wrong"] * 3
    assert mistaken[0]["score"] == pytest.approx(0.9)
    assert "lzw" not in json.dumps(told)  # a validation slide


def test_pixels_are_kept_by_the_browser_and_told_anew_for_another_file(run, tmp_path):
    address = "/api/slides/right/pixels/0/0/0.jpg"
    first = run.ask(address)
    assert "immutable" in first.headers["cache-control"]
    assert run.ask(address, headers={"if-none-match": first.headers["etag"]}).status == 304
    path = run.folder / "right.tiff"
    kept = tmp_path / "kept.tiff"
    path.rename(kept)
    try:
        gone = run.ask(address)
        assert gone.status == 404
        assert "right is not there" in gone.json["error"]
        path.write_bytes((run.folder / "lzw.tiff").read_bytes())
        assert run.ask(address).headers["etag"] != first.headers["etag"]
    finally:
        kept.replace(path)
    assert run.ask(address).body == first.body


@pytest.mark.parametrize("address", ["thumbnail.jpg", "values?run=mil", "quality", "tissue", "outlines", "tiles/0"])
def test_what_a_browser_has_is_not_sent_again(run, address):
    first = run.ask(f"/api/slides/right/{address}")
    assert first.status == 200
    again = run.ask(f"/api/slides/right/{address}", headers={"if-none-match": first.headers["etag"]})
    assert (again.status, again.body) == (304, b"")


@pytest.mark.parametrize("address", ["right/values?run=main", "wrong/values?run=mil", "wrong/thumbnail.jpg"])
def test_what_a_browser_has_of_another_slide_or_run_is_sent(run, address):
    tags = {run.ask(f"/api/slides/right/{own}").headers["etag"] for own in ("values?run=mil", "thumbnail.jpg")}
    assert run.ask(f"/api/slides/{address}", headers={"if-none-match": ", ".join(tags)}).status == 200


def test_of_a_slide_whose_file_is_away_the_results_are_shown(run):
    told = run.ask("/api/slides/gone").json
    assert (told["width"], told["pyramid"]) == (700, None)
    assert "not there" in told["unreadable"]
    assert run.ask("/api/slides/gone/thumbnail.jpg").status == 200
    assert run.ask("/api/slides/gone/quality").status == 200
    assert run.ask("/api/slides/gone/pixels/0/0/0.jpg").status == 404
    far = run.ask("/api/slides/far")
    assert far.status == 404
    assert "storage" in far.json["error"]


def test_a_slide_that_was_set_aside_is_looked_at_where_its_file_opens(run):
    assert run.ask("/api/slides/aside").json["reason"] == "aside has no tissue."
    assert run.ask("/api/slides/aside/pixels/0/0/0.jpg").status == 200
    header, arrays = arrays_of(run.ask("/api/slides/aside/values"))
    assert (header["tiles"], len(arrays["x"])) == (0, 0)
