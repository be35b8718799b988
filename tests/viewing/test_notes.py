"""Notes: nothing is lost when many write, or when one is killed; what they are exported as."""

import csv
import io
import json
import signal
import subprocess
import sys

import pytest

from slidemill.slides import Bounds
from slidemill.viewing.notes import Note, NoteError, Notes
from slidemill.viewing.notes_export import notes_as_csv, notes_as_geojson

from .test_strangers import post

WRITER = """
import sys
from pathlib import Path
from slidemill.viewing.notes import Notes
notes = Notes(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for number in range(int(sys.argv[3])):
    notes.add({"slide": "S", "mark": "note", "text": f"{sys.argv[2]} {number} " + "x" * 3000})
"""
KILLED_WRITER = """
import os, sys, time
from pathlib import Path
from slidemill.viewing.notes import Notes
def half(descriptor, content, write=os.write):
    write(descriptor, content[: len(content) // 2])
    print("half", flush=True)
    time.sleep(3600)
os.write = half
Notes(Path(sys.argv[1])).add({"slide": "S", "mark": "note", "text": "never whole"})
"""


def start(program, *arguments):
    command = [sys.executable, "-c", program, *map(str, arguments)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def test_two_writers_lose_nothing(tmp_path):
    path = tmp_path / "notes.jsonl"
    writers = [start(WRITER, path, name, 40) for name in ("a", "b")]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("go\n")
        writer.stdin.flush()
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    lines = path.read_text().splitlines()
    assert len(lines) == 80
    texts = [note.text.rpartition(" ")[0] for note in Notes(path).all()]
    assert sorted(texts) == sorted(f"{name} {number}" for name in ("a", "b") for number in range(40))
    assert len({json.loads(line)["id"] for line in lines}) == 80


def test_a_writer_killed_in_the_middle_of_a_line_costs_that_line_alone(tmp_path):
    path = tmp_path / "notes.jsonl"
    notes = Notes(path)
    notes.add({"slide": "S", "mark": "agree", "text": "before"})
    writer = start(KILLED_WRITER, path)
    assert writer.stdout.readline() == "half\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate()
    assert not path.read_bytes().endswith(b"\n")
    assert [note.text for note in Notes(path).all()] == ["before"]
    notes.add({"slide": "S", "mark": "agree", "text": "after"})
    assert [note.text for note in notes.all()] == ["before", "after"]
    assert [note.text for note in Notes(path).all()] == ["before", "after"]


@pytest.mark.parametrize("line", [b"{}", b"[]", b"5", b"\xff\xfe", b"[" * 100_000, b'{"mark": "agree", "x": 1}'])
def test_lines_that_are_no_notes_are_passed_over(tmp_path, line):
    path = tmp_path / "notes.jsonl"
    notes = Notes(path)
    notes.add({"slide": "S", "mark": "agree"})
    path.write_bytes(path.read_bytes() + line + b"\n")
    notes.add({"slide": "S", "mark": "disagree"})
    assert [note.mark for note in notes.all()] == ["agree", "disagree"]


def test_a_file_that_is_full_takes_no_more(tmp_path, monkeypatch):
    notes = Notes(tmp_path / "notes.jsonl")
    notes.add({"slide": "S", "mark": "agree"})
    monkeypatch.setattr("slidemill.viewing.notes.MOST_BYTES", 100)
    with pytest.raises(NoteError, match="takes no more"):
        notes.add({"slide": "S", "mark": "agree"})
    assert len(notes.all()) == 1


def test_notes_through_the_server(run):
    path = run.results / "notes.jsonl"
    try:
        place = {"x": 340.5, "y": 700, "size": 128}
        first = post(
            run, {"slide": "bounds", "mark": "look again", "text": "\u00e4 =1+1", "place": place, "run": "main"}
        )
        assert first.status == 201
        second = post(run, {"slide": "right", "mark": "note", "text": "=1+1", "reader": "me", "place": None})
        assert run.ask("/api/notes").json == [first.json, second.json]
        assert first.json["place"] == {"x": 340.5, "y": 700.0, "size": 128.0}
        table = list(csv.DictReader(io.StringIO(run.ask("/api/notes.csv").body.decode())))
        assert [(row["slide"], row["x"], row["text"]) for row in table] == [
            ("bounds", "340.5", "\u00e4 =1+1"),
            ("right", "", "'=1+1"),
        ]
        collection = run.ask("/api/notes.geojson").json
        (feature,) = collection["features"]
        assert feature["geometry"]["coordinates"][0][0] == [20.5, 60]  # from the corner of the slide's bounds
        assert feature["properties"]["classification"] == {"name": "look again"}
        assert run.ask("/api/notes.geojson?slide=right").json["features"] == []
    finally:
        path.unlink()


def test_what_spreadsheets_would_run_is_text():
    starts = ["=", "+", "-", "@", "\t", "\r", "\n", " =", "\uff1d"]
    parsed = [notes_of(text) for text in starts]
    rows = list(csv.DictReader(io.StringIO(notes_as_csv(parsed).decode())))
    assert all(row["text"].startswith("'") and row["reader"].startswith("'") for row in rows)


def notes_of(text):
    return Note.of({"slide": "S", "mark": "note", "text": text + "cmd", "reader": text + "me", "id": "1", "time": "t"})


def test_a_point_is_a_point_in_qupath():
    note = Note.of({"slide": "S", "mark": "note", "place": {"x": 5, "y": 7}})
    (feature,) = json.loads(notes_as_geojson([note], lambda _: Bounds(1, 2, 100, 100)))["features"]
    assert feature["geometry"] == {"type": "Point", "coordinates": [4, 5]}
